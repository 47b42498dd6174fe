#!/usr/bin/env node
/**
 * Lives of meshes of masters, workers and clients under virtual time, in which
 * everything goes wrong (test/simulation), on all cores; then faults that are
 * put into the machines on purpose, which must be found; and one line at the
 * end: `N passed, N failed`.
 *
 *   node scripts/simulation.js [--seeds 20000] [--first 1]
 *   node scripts/simulation.js --seed 17       the same life again, with its history
 */
import { build } from 'esbuild'
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, ROOT, run, say } from './lib/process.js'
import { setup } from './setup.js'

const PROGRESS_MS = 10_000
/** Failures that are shown. */
const SHOWN = 20

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '20000' }, first: { type: 'string', default: '1' }, seed: { type: 'string' } } })
const [seeds, first, seed] = [values.seeds, values.first, values.seed ?? '0'].map(Number)

if (![seeds, first, seed].every(Number.isSafeInteger) || seeds < 1) {
  fail('simulation: --seeds, --first and --seed take whole numbers, --seeds at least 1')
}

await setup({ build: false })

const cache = join(ROOT, 'node_modules', '.cache')

mkdirSync(cache, { recursive: true })

const folder = mkdtempSync(join(cache, 'simulation-'))
const program = join(folder, 'simulation.mjs')

// also when it is interrupted
process.once('exit', () => { rmSync(folder, { recursive: true, force: true }) })
process.once('SIGINT', () => { process.exit(130) })
process.once('SIGTERM', () => { process.exit(143) })

await build({ entryPoints: [join(ROOT, 'test/simulation/main.ts')], outfile: program, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error', sourcemap: 'inline' })

const failed = values.seed == null ? await runAll() + await mutations() : await replay()
const total = values.seed == null ? seeds + 1 : 1

console.log(`${total - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function runAll () {
  const workers = Math.min(availableParallelism(), seeds)
  const startedAt = Date.now()
  const failures = []
  let done = 0
  const progress = setInterval(() => {
    const passed = (Date.now() - startedAt) / 1000

    say(`${done} of ${seeds} seeds, ${failures.length} failed, ${Math.round(passed)} s, about ${Math.round(passed / Math.max(done, 1) * (seeds - done))} s more`)
  }, PROGRESS_MS)

  const ends = Array.from({ length: workers }, async (_, index) => {
    const mine = Math.floor((seeds - index - 1) / workers) + 1
    let seen = 0

    await start(['run', first + index, mine, workers], ({ seed, faults }) => {
      done++
      seen++

      if (faults.length > 0) {
        failures.push({ seed, faults })

        if (failures.length <= SHOWN) {
          say(`seed ${seed}: ${faults.slice(0, 3).join('; ')}`)
        }
      }
    })

    // what did not come to its end has not passed
    for (; seen < mine; seen++) {
      failures.push({ seed: first + index + seen * workers, faults: ['it broke off'] })
    }
  })

  await Promise.all(ends)
  clearInterval(progress)
  say(`${seeds} seeds from ${first} on, ${((Date.now() - startedAt) / 1000).toFixed(0)} s on ${workers} ${workers === 1 ? 'core' : 'cores'}`)

  if (failures.length > 0) {
    say(`failed: ${failures.map(({ seed }) => seed).sort((a, b) => a - b).slice(0, 100).join(', ')}; a history is printed by node scripts/simulation.js --seed N`)
  }

  return failures.length
}

/** Does the checker find faults that are put in on purpose, the rare ones too? Counts as one. */
async function mutations () {
  const { code } = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/simulation/mutations', '--project', 'unit'], { env: { SIMULATION: 'all' } })

  return code === 0 ? 0 : 1
}

async function replay () {
  let faults = ['it broke off']

  await start(['tell', seed], message => { faults = message.faults })
  faults.forEach(fault => { say(`seed ${seed}: ${fault}`) })

  return faults.length === 0 ? 0 : 1
}

/** Resolves when it has ended, however. */
async function start (args, onMessage) {
  const child = fork(program, args.map(String), { execArgv: ['--enable-source-maps'] })

  child.on('message', onMessage)
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
}
