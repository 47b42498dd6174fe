import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from 'shlex'
import { inPath } from '../../scripts/lib/packages.js'
import { fail } from '../../scripts/lib/process.js'

/** The one that is installed, or the end of this program with what to type. */
export function hyperfineVersion () {
  if (!inPath('hyperfine')) {
    fail('bench: hyperfine is not installed: type apt-get install hyperfine')
  }

  return execFileSync('hyperfine', ['--version'], { encoding: 'utf8' }).trim().replace(/^hyperfine /, '')
}

/**
 * One session of hyperfine without a shell. The program gets exactly this
 * environment (and the variable by which hyperfine shifts the stack) and writes
 * to a file in `folder`, as under Meshmark; these files there are made anew
 * before each run, from those of the same name in `folder`/origin.
 */
export async function hyperfine ({ words, runs, warmup, folder, env, files = [] }) {
  const file = join(folder, 'hyperfine.json')
  const renew = ['cp', '--remove-destination', ...files.map(name => join('origin', name)), '.']
  const child = spawn('hyperfine', [
    '--shell=none', '--style', 'none', '--runs', String(runs), '--warmup', String(warmup),
    ...(files.length === 0 ? [] : ['--prepare', renew.map(quote).join(' ')]),
    '--output', join(folder, 'hyperfine.out'), '--export-json', file, words.map(quote).join(' ')
  ], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''

  child.stderr.setEncoding('utf8').on('data', text => { said += text })

  const [code] = await once(child, 'close')

  if (code !== 0) {
    throw new Error(`hyperfine ${words.join(' ')} exited with ${code}: ${said.trim()}`)
  }

  return JSON.parse(readFileSync(file, 'utf8')).results[0]
}
