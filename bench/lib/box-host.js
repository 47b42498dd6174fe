/**
 * A process that makes boxes as a worker does, for a bench that is its parent.
 * It gives up root for good, which its parent must not. Takes one message at a
 * time, { id, method, params }, and answers with { id, result } or { id, error }.
 */
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { once } from 'node:events'
import { ROOT } from '../../scripts/lib/process.js'

const { loadBoxFiles, settle, chooseUser, preflight, Box } = await import(join(ROOT, 'dist/sandbox/index.js'))
const { DEFAULT_LIMITS } = await import(join(ROOT, 'dist/model/limits.js'))

let options
const boxes = []

const methods = {
  /** Resolves with the facts of the boxes that are made here. */
  async open () {
    const files = await loadBoxFiles()
    const ground = await settle(process.getuid?.() === 0 ? { user: chooseUser({}) } : {})

    // It must belong to whom this process is by now.
    options = { files, ground, dir: mkdtempSync(join(tmpdir(), 'meshmark-bench-')), log: () => {} }

    return preflight(options)
  },

  /** Makes that many boxes ready. Milliseconds of each. */
  async create ({ count }) {
    const times = []

    while (times.length < count) {
      const began = performance.now()

      boxes.push(await Box.create(options))
      times.push(performance.now() - began)
    }

    return times
  },

  /** One task in the next box, which stays until `close`. `file` goes along and is what is run. Nanoseconds of every run; milliseconds of the task. */
  async run ({ box, argv, file, runs }) {
    const began = performance.now()
    const [walls] = await measure({ box, argv, file, runs, commands: 1 })

    return { ms: performance.now() - began, walls }
  },

  /** A command compared with itself, as in a job of two: nanoseconds of the runs of both. */
  async compare ({ box, argv, file, pairs }) {
    return measure({ box, argv, file, runs: pairs, commands: 2, comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false } })
  },

  /** Nothing of the boxes is left when it resolves. */
  async close () {
    await Promise.all(boxes.splice(0).map(async box => box.close()))
  }
}

/** Nanoseconds of every run of each command. */
async function measure ({ box, argv, file, runs, commands, comparison }) {
  const program = file == null ? { kind: 'name', name: argv[0] } : { kind: 'payload', path: basename(file) }
  const files = file == null ? [] : [{ path: basename(file), size: statSync(file).size, executable: true, read: () => createReadStream(file) }]
  const report = await boxes[box].run({
    kind: 'run',
    commands: Array.from({ length: commands }, () => ({ argv, program })),
    files,
    env: {},
    limits: DEFAULT_LIMITS,
    plan: { kind: 'fixed', runs, warmup: 0 },
    comparison
  }, { onEvent: () => {} })

  if (report.outcome !== 'done') {
    throw new Error(`${argv.join(' ')} in a box: ${report.outcome}: ${report.reason}`)
  }

  return report.commands.map(({ samples }) => samples.map(({ wallNs }) => wallNs))
}

// One that interrupts a bench reaches the whole process group; the parent says what is to be done.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {})
}

const gone = once(process, 'disconnect')

process.on('message', async ({ id, method, params }) => {
  try {
    process.send({ id, result: await methods[method](params) })
  } catch (err) {
    process.send({ id, error: err.message })
  }
})

await gone
await methods.close()
await options?.ground.close()

if (options != null) {
  rmSync(options.dir, { recursive: true, force: true })
}
