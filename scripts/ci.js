#!/usr/bin/env node
/** Called by .ci/run. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ROOT, run, say } from './lib/process.js'

/** The npm package `node` brings the program of this version. */
const NEWEST_LTS = 24

const total = { passed: 0, failed: 0 }

say(`ci: npm test on Node.js ${process.versions.node}`)
await addUp('npm', ['test'])

const newest = await installNode(NEWEST_LTS)

if (newest == null) {
  total.failed++
} else {
  // Processes, streams and the box as users meet them. Numbers and texts do not depend on the version.
  say(`ci: real meshes and programs on Node.js ${NEWEST_LTS}`)
  await addUp(join(newest, 'node'), ['scripts/test.js', '--only', 'build,e2e', '--e2e', 'e2e/roles,e2e/programs'], { PATH: `${newest}${delimiter}${process.env.PATH}` })
}

console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1

/** Shows the output as it comes, and reads the counts from its last summary line. */
async function addUp (command, args, env = {}) {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''

  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
    process.stdout.write(text)
  })

  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const summary = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1)

  total.passed += Number(summary?.[1] ?? 0)
  // No summary, or a failure that it does not show, is a failure as well.
  total.failed += Math.max(Number(summary?.[2] ?? 0), code === 0 && summary != null ? 0 : 1)
}

/** Folder with that version's `node`, kept outside the checkout for the next time; undefined when it cannot be had. */
async function installNode (major) {
  const folder = join(tmpdir(), `meshmark-ci-node-${major}`)
  const bin = join(folder, 'node_modules', 'node', 'bin')

  if (!existsSync(join(bin, 'node'))) {
    mkdirSync(folder, { recursive: true })
    say(`ci: installing Node.js ${major}`)

    // Its install script puts the program of this platform in place.
    const { code, output } = await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', `node@${major}`], { quiet: true })

    if (code !== 0 || !existsSync(join(bin, 'node'))) {
      process.stderr.write(output)
      say(`ci: Node.js ${major} could not be installed`)

      return undefined
    }
  }

  return bin
}
