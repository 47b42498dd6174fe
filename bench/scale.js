/**
 * What does a worker cost its coordinator, and does it cost less among many?
 *
 *   npm run bench -- scale [--workers 10,100,300,1000] [--rounds N] [--rest SECONDS]
 *
 * For each number of workers a mesh of its own: one master in a process, and
 * light workers in others: identity, connection, registration, slot and
 * deliveries are those of real workers, over real sockets; their journals are
 * in memory, and what they are told to run has ended at once. So both cores'
 * worth of workers is in every time: it is an upper bound.
 *
 * Asked: how long until all have joined that were started at one moment, and
 * until all are back after the coordinator was killed and started again; the
 * memory that the coordinator has for each, after a collection; its CPU time
 * while nobody asks for anything; how long an empty job takes on all of them,
 * from its submission to the last result; how long `meshmark nodes` takes; and
 * whether anybody was refused on the way. The slope is that of the logarithms:
 * at 1 a cost grows as the fleet does, below it a worker costs less among many.
 *
 * Kept at the largest fleet: memory below 1 MB per worker, the empty job below
 * 2 s, `nodes` below 1 s, and at every size nobody refused. A bound fails only
 * if the interval of what was measured lies wholly beyond it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fail, run, say } from '../scripts/lib/process.js'
import { LightFleet, ms } from './lib/light-fleet.js'
import { MAIN } from './lib/local-mesh.js'
import { load, machine, save, table } from './lib/record.js'
import { WatchedMaster } from './lib/watched-master.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '3', '--workers', '10,100,1000']

const BOUNDS = { memoryBytes: 1e6, fanoutMs: 2_000, nodesMs: 1_000 }

/** Of the clock in which Linux counts a process' CPU time. */
const MS_PER_TICK = 10

const SETTLED_MS = 500

/** Two reports of every worker. */
const REST_S = 20

/** What a worker or the master says when a limit has refused somebody. */
const TROUBLE = /refused|turned away|may stay|may be open|more than|gave up|no answer|did not answer|failed/

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({
    args,
    options: {
      workers: { type: 'string', default: '10,100,300,1000' },
      rounds: { type: 'string', default: '7' },
      rest: { type: 'string', default: String(REST_S) },
      'cpu-profile': { type: 'string' }
    }
  })
  const sizes = values.workers.split(',').map(text => wholeNumber('--workers', text))
  const rounds = wholeNumber('--rounds', values.rounds)
  const restS = wholeNumber('--rest', values.rest)
  const nodeOptions = values['cpu-profile'] == null ? [] : ['--cpu-prof', `--cpu-prof-dir=${values['cpu-profile']}`]
  const began = load()
  const measured = []

  for (const workers of sizes) {
    measured.push(await measure({ workers, rounds, restS, nodeOptions }, interruption))
    say(`bench: ${workers} workers: ${JSON.stringify(summaryOf(measured.at(-1)))}`)
  }

  const { medianInterval } = await import(join(dirname(MAIN), 'stats/median-interval.js'))
  const result = { bench: 'scale', machine: machine(), load: [began, load()], rounds, restS, bounds: BOUNDS, fleets: measured, slopes: slopesOf(measured) }

  process.stdout.write(`${render(measured, result.slopes)}\n`)
  save('scale', result)

  const broken = brokenBounds(measured, medianInterval)

  if (broken.length > 0) {
    fail(`bench: ${broken.join('; ')}`)
  }
}

async function measure ({ workers, rounds, restS, nodeOptions }, signal) {
  const folder = mkdtempSync(join(tmpdir(), 'meshmark-scale-'))
  const env = { MESHMARK_DATA: join(folder, 'data'), XDG_RUNTIME_DIR: join(folder, 'runtime'), NO_COLOR: '1' }
  const fleet = new LightFleet()
  let master

  try {
    for (const name of ['data', 'runtime', 'fleet']) {
      mkdirSync(join(folder, name), { mode: 0o700 })
    }

    master = await WatchedMaster.start({ folder: join(folder, 'data'), env, nodeOptions })

    const empty = await master.usage()
    const joinMs = await fleet.start({ count: workers, folder: join(folder, 'fleet'), master: master.address, token: master.token, env })

    signal.throwIfAborted()

    const joined = await master.usage()

    await delay(2_000, undefined, { signal })

    const before = await master.usage()
    const restedFromNs = process.hrtime.bigint()

    await delay(restS * 1_000, undefined, { signal })

    const after = await master.usage()
    const restMs = ms(process.hrtime.bigint(), restedFromNs)
    const fanout = await fanOut({ master, fleet, env, workers, rounds }, signal)
    const nodesMs = await listNodes({ master, env, workers, rounds }, signal)
    const worked = await master.usage()

    const back = fleet.all(workers)

    await master.kill()
    const killedNs = process.hrtime.bigint()
    const readyNs = await master.again()
    const backNs = await back
    const returned = await master.usage()

    return {
      workers,
      joinMs,
      joinCpuMs: (joined.cpuUs - empty.cpuUs) / 1e3,
      backMs: ms(backNs, readyNs),
      backAfterKillMs: ms(backNs, killedNs),
      backCpuMs: returned.cpuUs / 1e3 - empty.cpuUs / 1e3,
      memoryBytes: { empty: sizeOf(empty), joined: sizeOf(joined), rested: sizeOf(after), worked: sizeOf(worked), returned: sizeOf(returned) },
      restCpu: (after.cpuUs - before.cpuUs) / 1e3 / restMs,
      restDelayMaxMs: after.delayMaxMs,
      fanoutMs: fanout.map(({ ms }) => ms),
      fanoutCpuMs: { master: fanout.map(({ masterMs }) => masterMs), fleet: fanout.map(({ fleetMs }) => fleetMs), client: fanout.map(({ clientMs }) => clientMs) },
      nodesMs,
      trouble: [...master.lines, ...fleet.lines].filter(line => TROUBLE.test(line))
    }
  } catch (err) {
    troublesOf([...master?.lines ?? [], ...fleet.lines]).forEach(line => { say(`bench: ${line}`) })

    throw err
  } finally {
    await fleet.stop()
    await master?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What was said of trouble, by its words: how often, and by whom first. */
function troublesOf (lines) {
  const kinds = new Map()

  for (const line of lines.filter(line => TROUBLE.test(line))) {
    const kind = line.replace(/light-\d+/g, 'a worker').replace(/…\w{8}|\d+/g, '#')

    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }

  return [...kinds].sort(([, a], [, b]) => b - a).slice(0, 10).map(([kind, count]) => `${count} times: ${kind}`)
}

/** Of each round: milliseconds from the submission of an empty job for all workers to the last of its results, and the CPU time of all who took part. */
async function fanOut ({ master, fleet, env, workers, rounds }, signal) {
  Object.assign(process.env, env)
  await import(join(dirname(MAIN), 'node/polyfill.js'))

  const { connectClient } = await import(join(dirname(MAIN), 'roles/client/connect.js'))
  const client = await connectClient({ masters: [master.address], mdns: false, signal })
  const times = []

  try {
    for (let round = 0; round <= rounds; round++) {
      const before = cpuOf(master, fleet)
      const beganNs = process.hrtime.bigint()
      const { id } = await client.submit({ kind: 'exec', commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }], files: [], env: {}, limits: {}, placement: { on: 'all', where: [] }, plan: { kind: 'once' } }, { signal })
      let done = 0

      for await (const event of client.attach(id, { output: true, signal })) {
        done += event.kind === 'result' && event.result.outcome === 'done' ? 1 : 0
      }

      if (done !== workers) {
        throw new Error(`an empty job had ${done} results of ${workers}`)
      }

      const endedNs = process.hrtime.bigint()

      // the last words between workers and master are part of the cost
      await delay(SETTLED_MS, undefined, { signal })

      const after = cpuOf(master, fleet)

      times.push({ ms: ms(endedNs, beganNs), masterMs: after.master - before.master, fleetMs: after.fleet - before.fleet, clientMs: after.client - before.client })
    }
  } finally {
    await client.close()
  }

  // the first round also compiles
  return times.slice(1)
}

function cpuOf (master, fleet) {
  const { user, system } = process.cpuUsage()

  return { master: cpuMsOf(master.pid), fleet: fleet.pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0), client: (user + system) / 1e3 }
}

/** Of a process, from outside: a question would cost it something. */
function cpuMsOf (pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')

  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

/** Of each round: milliseconds of the whole command. */
async function listNodes ({ master, env, workers, rounds }, signal) {
  const times = []

  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted()

    const beganNs = process.hrtime.bigint()
    const { code, output } = await run(process.execPath, [MAIN, 'nodes', '--master', master.address, '--no-mdns'], { quiet: true, env })

    times.push(ms(process.hrtime.bigint(), beganNs))

    const listed = output.match(/^light-/gm)?.length ?? 0

    if (code !== 0 || listed < workers) {
      throw new Error(`meshmark nodes exited with ${code} and listed ${listed} of ${workers} workers: ${output.slice(-500)}`)
    }
  }

  return times
}

function sizeOf ({ rss, heapUsed, external }) {
  return { rss, heap: heapUsed + external }
}

/** Of one fleet, as the table shows it. */
function summaryOf ({ workers, joinMs, backMs, backCpuMs, memoryBytes, restCpu, fanoutMs, fanoutCpuMs, nodesMs, trouble }) {
  return {
    'memory/worker (kB)': (memoryBytes.worked.rss - memoryBytes.empty.rss) / workers / 1e3,
    'heap/worker (kB)': (memoryBytes.worked.heap - memoryBytes.empty.heap) / workers / 1e3,
    'all joined (ms)': joinMs,
    'all back (ms)': backMs,
    'CPU to be back/worker (ms)': backCpuMs / workers,
    'CPU at rest/worker (µs/s)': restCpu * 1e6 / workers,
    'empty job on all (ms)': middle(fanoutMs),
    'its CPU/worker, master (ms)': middle(fanoutCpuMs.master) / workers,
    'its CPU/worker, worker (ms)': middle(fanoutCpuMs.fleet) / workers,
    'its CPU/worker, client (ms)': middle(fanoutCpuMs.client) / workers,
    'nodes (ms)': middle(nodesMs),
    refused: trouble.length
  }
}

/** Costs of the whole fleet; of memory and CPU the per-worker figure times the workers. */
function slopesOf (fleets) {
  const rows = fleets.map(summaryOf)
  const slopes = {}

  for (const key of Object.keys(rows[0])) {
    const points = rows.map((row, index) => [fleets[index].workers, key.includes('/worker') ? row[key] * fleets[index].workers : row[key]]).filter(([, cost]) => cost > 0)

    slopes[key] = key === 'refused' || points.length < 2 ? undefined : slopeOf(points.map(([x, y]) => [Math.log(x), Math.log(y)]))
  }

  return slopes
}

/** Least squares. */
function slopeOf (points) {
  const mean = index => points.reduce((sum, point) => sum + point[index], 0) / points.length
  const [x, y] = [mean(0), mean(1)]

  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}

function render (fleets, slopes) {
  const rows = fleets.map(summaryOf)
  const [first] = rows

  return table([
    ['workers', ...fleets.map(({ workers }) => String(workers)), 'slope'],
    ...Object.keys(first).map(key => [key, ...rows.map(row => digits(row[key])), slopes[key] == null ? '' : slopes[key].toFixed(2)])
  ])
}

function brokenBounds (fleets, medianInterval) {
  const largest = fleets.reduce((a, b) => a.workers > b.workers ? a : b)
  const { workers, memoryBytes, fanoutMs, nodesMs } = largest
  const low = times => medianInterval(times)?.low ?? middle(times)
  const perWorker = Math.max(...['joined', 'rested', 'worked', 'returned'].map(when => memoryBytes[when].rss - memoryBytes.empty.rss)) / workers

  return [
    ...(perWorker > BOUNDS.memoryBytes ? [`the coordinator needs ${Math.round(perWorker / 1e3)} kB for each of ${workers} workers, and is to need less than ${BOUNDS.memoryBytes / 1e3}`] : []),
    ...(low(fanoutMs) > BOUNDS.fanoutMs ? [`an empty job on ${workers} workers takes ${Math.round(middle(fanoutMs))} ms, and is to take less than ${BOUNDS.fanoutMs}`] : []),
    ...(low(nodesMs) > BOUNDS.nodesMs ? [`nodes with ${workers} workers takes ${Math.round(middle(nodesMs))} ms, and is to take less than ${BOUNDS.nodesMs}`] : []),
    ...fleets.filter(({ trouble }) => trouble.length > 0).map(({ workers, trouble }) => `among ${workers} workers there was trouble ${trouble.length} times, first: ${trouble[0]}`)
  ]
}

function wholeNumber (option, text) {
  const number = Number(text)

  if (!Number.isInteger(number) || number < 1) {
    fail(`bench: ${option} ${text}: give whole numbers above 0`)
  }

  return number
}

function middle (values) {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length / 2

  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2
}

function digits (value) {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(2)
}
