/**
 * How many small tasks a second?
 *
 *   npm run bench -- throughput [--rounds N] [--items N] [--workers N]
 *                               [--slots N] [--jobs N] [--grid-tasks N] [--grid-size N] [--no-grid | --only-grid] [--seed N]
 *
 * Three questions:
 * - `true` for each of 10,000 items on two workers: `meshmark exec --each`, every
 *   task in a box, recorded on its worker's disk and on its master's; GNU
 *   parallel with as many jobs at once; and Dask with as many workers of one
 *   thread, started before, whose tasks run the same program. In rounds, in
 *   random order. Where the time of ours goes is printed: from the submission to
 *   the first and the last end, and the processor time of each part.
 * - Single jobs of `exec true`, from one client that is connected: one after the
 *   other, and four at a time.
 * - One to four clients on one to four workers, five tasks of 3 s for each
 *   client with 0.5 s between them; tasks a second in the steady state, against
 *   the most that is possible, min(workers / 3 s, clients / 3.5 s).
 *
 * Fails when, with an interval wholly beyond it, fewer items a second are done
 * than by the slower of the two others, or when a place in the grid reaches
 * less than 98 % of what is possible.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { inPath } from '../scripts/lib/packages.js'
import { fail, run, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { cpuShares, difference } from './lib/cpu-shares.js'
import { LineProcess } from './lib/line-process.js'
import { LocalMesh, MAIN } from './lib/local-mesh.js'
import { Random } from './lib/random.js'
import { load, machine, save, table } from './lib/record.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '2', '--items', '4000', '--jobs', '20', '--grid-tasks', '3']

/** Debian's, for which its packages of Python are. */
const PYTHON = '/usr/bin/python3'
const TASK_S = 3
const PAUSE_S = 0.5
const GRID = [1, 2, 3, 4]
const GRID_BOUND = 0.98

const OPTIONS = {
  rounds: { type: 'string', default: '3' },
  items: { type: 'string', default: '10000' },
  workers: { type: 'string', default: '2' },
  slots: { type: 'string', default: '1' },
  jobs: { type: 'string', default: '40' },
  'grid-tasks': { type: 'string', default: '5' },
  'grid-size': { type: 'string', default: '4' },
  'no-grid': { type: 'boolean', default: false },
  'only-grid': { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' }
}

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({ args, options: OPTIONS })
  const counts = Object.fromEntries(['rounds', 'items', 'workers', 'slots', 'jobs', 'grid-tasks', 'grid-size'].map(name => [name, count(name, values[name])]))

  if (!values['only-grid']) {
    await checkPrograms()
  }

  // what it reads must be built before
  const clients = await import('./lib/client.js')
  const began = load()
  const setting = { ...clients, counts, random: new Random(Number(values.seed)), interruption }
  const { items, single } = values['only-grid']
    ? {}
    : await onMesh({ workers: counts.workers, workerArgs: ['--slots', String(counts.slots)] }, setting, async (mesh, client) => ({
      items: await compareItems(mesh, client, setting),
      single: await singleJobs(client, setting)
    }))
  const grid = values['no-grid'] ? [] : await measureGrid(setting)
  const shares = grid.map(({ share }) => share)
  const ratios = {
    ...(items == null ? {} : { 'items a second, to the slower of GNU parallel and Dask': { ...items.ratio, atLeast: 1 }, ...items.others }),
    ...(grid.length === 0 ? {} : { 'of what is possible, in the grid: the middle, the least and the most': { median: middle(shares), low: Math.min(...shares), high: Math.max(...shares), atLeast: GRID_BOUND } })
  }
  const result = { bench: 'throughput', machine: machine(), load: [began, load()], counts, ratios, items, single, grid }

  process.stdout.write(`${describe(result)}\n`)
  save('throughput', result)

  if ((items != null && items.ratio.high < 1) || grid.some(({ share }) => share < GRID_BOUND)) {
    process.exitCode = 1
  }
}

async function compareItems (mesh, client, { counts: { items, rounds, workers, slots }, random, interruption, draftExec }) {
  const folder = mkdtempSync(join(tmpdir(), 'meshmark-bench-'))
  const list = join(folder, 'items')
  const texts = Array.from({ length: items }, (_, i) => String(i + 1))
  const seconds = { meshmark: [], 'GNU parallel': [], Dask: [] }
  const marks = []
  const dask = new LineProcess(PYTHON, [join(import.meta.dirname, 'programs/dask-each.py'), String(workers * slots)], { cwd: folder })

  try {
    writeFileSync(list, `${texts.join('\n')}\n`)

    if (await dask.answer() !== 'ready') {
      throw new Error('Dask did not start')
    }

    const draft = await draftExec(['true'], { items: texts })
    const contestants = {
      meshmark: async () => {
        const before = cpuShares()
        const times = await followItems(client, draft)

        marks.push({ ...times, cpuMs: difference(cpuShares(), before) })

        return (times.ended - times.submitted) / 1_000
      },
      'GNU parallel': async () => {
        const from = performance.now()
        const { code, output } = await run('parallel', ['--will-cite', '-j', String(workers * slots), '-a', list, 'true'], { quiet: true, env: { HOME: folder }, cwd: folder })

        if (code !== 0) {
          throw new Error(`parallel ended with ${code}: ${output.trim()}`)
        }

        return (performance.now() - from) / 1_000
      },
      Dask: async () => Number(await dask.ask(items))
    }

    for (let round = 1; round <= rounds; round++) {
      for (const name of random.shuffled(Object.keys(contestants))) {
        interruption.throwIfAborted()
        seconds[name].push(await contestants[name]())
        say(`bench: round ${round} of ${rounds}: ${name}: ${(items / seconds[name].at(-1)).toFixed(0)} items a second`)
      }
    }
  } finally {
    await dask.stop()
    rmSync(folder, { recursive: true, force: true })
  }

  const faster = other => bootstrapMedian(seconds.meshmark.map((ours, round) => other(round) / ours))

  return {
    seconds,
    marks,
    perSecond: Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, items / middle(all)])),
    ratio: faster(round => Math.max(seconds['GNU parallel'][round], seconds.Dask[round])),
    others: { 'items a second, to GNU parallel': faster(round => seconds['GNU parallel'][round]), 'items a second, to Dask': faster(round => seconds.Dask[round]) }
  }
}

/** One job with items to its end; throws unless each of them ended well. */
async function followItems (client, draft) {
  const now = () => performance.timeOrigin + performance.now()
  const submitted = now()
  const { id } = await client.submit(draft)
  const times = { submitted, accepted: now() }
  let done = 0

  for await (const event of client.attachItems(id)) {
    if (event.kind === 'items') {
      times.firstEnd ??= now()
      times.lastEnd = now()
      done += event.items.filter(({ state, exit }) => state === 'done' && exit?.kind === 'code' && exit.code === 0).length
    }
  }

  if (done !== draft.each.items.length) {
    throw new Error(`${done} of ${draft.each.items.length} items ended well`)
  }

  return { ...times, ended: now() }
}

async function singleJobs (client, { counts: { jobs }, draftExec, runJob, interruption }) {
  const draft = await draftExec(['true'])
  const rates = {}

  for (const atOnce of [1, 4]) {
    let left = jobs
    const from = performance.now()

    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (left-- > 0) {
        interruption.throwIfAborted()
        await runJob(client, draft)
      }
    }))

    rates[atOnce] = jobs / (performance.now() - from) * 1_000
    say(`bench: single jobs, ${atOnce} at a time: ${rates[atOnce].toFixed(1)} a second`)
  }

  return rates
}

async function measureGrid (setting) {
  const grid = []

  const { runLoad } = await import(join(dirname(MAIN), 'roles/client/load.js'))
  const { possibleRate, steadyRate } = await import(join(dirname(MAIN), 'measure/steady-rate.js'))
  const { counts, draftExec, interruption } = setting

  for (const workers of GRID.filter(size => size <= counts['grid-size'])) {
    await onMesh({ workers }, setting, async (mesh, first) => {
      for (const clients of GRID.filter(size => size <= counts['grid-size'])) {
        const others = await Promise.all(Array.from({ length: clients - 1 }, async (_, at) => setting.connectTo(mesh, { identity: `load-${at + 1}` })))

        try {
          const tasks = await runLoad([first, ...others], await draftExec(['sleep', String(TASK_S)]), { tasks: counts['grid-tasks'], pauseMs: PAUSE_S * 1_000, signal: interruption })
          const perSecond = steadyRate(tasks, workers / TASK_S < clients / (TASK_S + PAUSE_S) ? 'workers' : 'clients') ?? 0
          const possible = possibleRate({ workers, clients, taskS: TASK_S, pauseS: PAUSE_S })

          grid.push({ clients, workers, perSecond, possible, share: perSecond / possible })
          say(`bench: ${clients} clients on ${workers} workers: ${perSecond.toFixed(3)} tasks a second, ${(perSecond / possible * 100).toFixed(1)} % of what is possible`)
        } finally {
          await Promise.all(others.map(async client => client.close()))
        }
      }
    })
  }

  return grid
}

async function onMesh (options, { connectTo }, work) {
  const mesh = await LocalMesh.start(options)

  try {
    const client = await connectTo(mesh)

    try {
      return await work(mesh, client)
    } finally {
      await client.close()
    }
  } finally {
    await mesh.stop()
  }
}

function describe ({ counts, items, single, grid, ratios }) {
  const percent = share => `${(share * 100).toFixed(1)} %`
  const sizes = GRID.filter(size => size <= counts['grid-size'])
  const gridTable = grid.length === 0
    ? []
    : [table([['tasks a second; share of what is possible', ...sizes.map(workers => `${workers} workers`)], ...sizes.map(clients => [`${clients} clients`, ...sizes.map(workers => {
        const { perSecond, share } = grid.find(place => place.clients === clients && place.workers === workers)

        return `${perSecond.toFixed(3)} ${percent(share)}`
      })])])]

  if (items == null) {
    return gridTable.join('\n\n')
  }

  const phase = (from, until) => middle(items.marks.map(marks => marks[until] - marks[from]))
  const whole = phase('submitted', 'ended')
  const phases = [['accepted', 'submitted', 'accepted'], ['until the first end is told', 'accepted', 'firstEnd'], ['until the last end is told', 'firstEnd', 'lastEnd'], ['until the end of the job is said', 'lastEnd', 'ended']]
  const cpu = name => middle(items.marks.map(({ cpuMs }) => cpuMs[name]))
  return [
    table([[`${counts.items} items, ${counts.workers} workers`, 'a second'], ...Object.entries(items.perSecond).map(([name, rate]) => [name, rate.toFixed(0)])]),
    table([['ratio within a round', 'median, 95 %', 'at least'], ...Object.entries(ratios).map(([name, { median, low, high, atLeast }]) => [name, `${median.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`, atLeast == null ? '' : String(atLeast)])]),
    table([['where the time goes', 'ms', 'share'], ...phases.map(([name, from, until]) => [name, phase(from, until).toFixed(0), percent(phase(from, until) / whole)])]),
    table([['processor time of an item', 'ms'], ...['client', 'master', 'worker', 'boxes'].map(name => [name, (cpu(name) / counts.items).toFixed(2)])]),
    `single jobs a second: ${single[1].toFixed(1)} one after the other, ${single[4].toFixed(1)} four at a time`,
    ...gridTable
  ].join('\n\n')
}

function count (name, text) {
  const value = Number(text)

  return Number.isInteger(value) && value > 0 ? value : fail(`bench: --${name} ${text}: give a whole number above 0`)
}

async function checkPrograms () {
  const missing = [
    ...(inPath('parallel') ? [] : ['parallel']),
    ...((await run(PYTHON, ['-c', 'import distributed'], { quiet: true }).catch(() => ({ code: 1 }))).code === 0 ? [] : ['python3-distributed'])
  ]

  if (missing.length > 0) {
    fail(`bench: what is compared with is not installed: type apt-get install ${missing.join(' ')}`)
  }
}
