import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The checkout, with a trailing slash. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Runs a program in the checkout and resolves with its exit code; a signal
 * counts as 128. `quiet` keeps its output back and returns it instead;
 * further options are those of spawn.
 */
export function run (command, args, { quiet = false, env = {}, cwd = ROOT, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...options,
      cwd,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit'
    })
    let output = ''

    child.stdout?.setEncoding('utf8').on('data', text => { output += text })
    child.stderr?.setEncoding('utf8').on('data', text => { output += text })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? 128, signal, output }))
  })
}

/** One line about what is being done, on stderr so that stdout stays for results. */
export function say (text) {
  process.stderr.write(`${text}\n`)
}

/** Ends this program with one line that says what is wrong and what to do. */
export function fail (text) {
  say(text)
  process.exit(1)
}
