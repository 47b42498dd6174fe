/**
 * What does a master pay for the jobs that are over?
 *
 *   npm run bench -- history [--jobs 100000]
 *
 * Its data folder is filled with the records of so many finished jobs, as
 * clients, coordinators and workers write them, and it is started: once without
 * a list of finished jobs, which it then makes anew, and once with it. Asked:
 * the time and the CPU time of both starts, the memory beyond that of an empty
 * master (heap and buffers, after a collection), and how long `jobs`, and `show`
 * of an old job by its id and by its name, take a client that is connected; and
 * `jobs` with conditions, with the master's CPU time: those that find the oldest
 * or nothing have to look at every job.
 *
 * Kept: `jobs` below 1 s, with conditions too, a start with its list below 10 s, memory below 1 KiB
 * a job.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { say } from '../scripts/lib/process.js'
import { writeHistory } from './lib/history.js'
import { MAIN } from './lib/local-mesh.js'
import { load, machine, save } from './lib/record.js'
import { WatchedMaster } from './lib/watched-master.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--jobs', '30000']

const BOUNDS = { jobsMs: 1_000, startMs: 10_000, bytesPerJob: 1_024 }
const QUESTIONS = 7

/** Conditions of `jobs`; of a hundred thousand jobs that all went well. */
const FILTERS = {
  'the oldest, by its name': { name: 'job-0' },
  'those whose names end alike': { name: 'job-*99' },
  'those that failed: none': { failed: true },
  'those that were cancelled: none': { state: 'cancelled' },
  'measurements by a pattern: none': { jobKind: 'run', name: '*a*b*c*' },
  'those of the last hour': { withinMs: 60 * 60 * 1000 }
}

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({ args, options: { jobs: { type: 'string', default: '100000' } } })
  const count = Number(values.jobs)

  if (!/^[1-9]\d{0,6}$/.test(values.jobs)) {
    throw new Error(`--jobs '${values.jobs}' is not a whole number from 1 to 9999999`)
  }

  const folder = mkdtempSync(join(tmpdir(), 'meshmark-history-'))
  const env = { MESHMARK_DATA: join(folder, 'client'), XDG_RUNTIME_DIR: join(folder, 'run') }

  mkdirSync(env.XDG_RUNTIME_DIR, { recursive: true, mode: 0o700 })
  Object.assign(process.env, env)
  await import(join(dirname(MAIN), 'node/polyfill.js'))

  const master = await WatchedMaster.start({ folder: join(folder, 'master'), env })

  try {
    const result = await measure(master, folder, count, interruption)
    const kept = [
      ['jobs', result.jobsMs, BOUNDS.jobsMs, 'ms'],
      ...Object.entries(result.filtered).map(([what, { ms }]) => [`jobs: ${what}`, ms, BOUNDS.jobsMs, 'ms']),
      ['a start', result.again.ms, BOUNDS.startMs, 'ms'],
      ['memory', result.bytesPerJob, BOUNDS.bytesPerJob, 'bytes a job']
    ]

    save('history', { machine: machine(), load: load(), jobs: count, bounds: BOUNDS, ...result })

    for (const [what, is, most, unit] of kept.filter(([, is, most]) => is > most)) {
      say(`not kept: ${what} takes ${Math.round(is)} ${unit}, and ${most} is allowed`)
    }

    if (kept.some(([, is, most]) => is > most)) {
      // not at once: what was made is taken away first
      throw new Error('a bound is not kept')
    }
  } finally {
    await master.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure (master, folder, count, interruption) {
  const empty = await master.usage()
  const { peerId, meshId } = await withClient(master, async ({ peerId, meshId }) => ({ peerId, meshId }))

  await master.stop()

  const [mesh] = readdirSync(join(folder, 'master'))
  const beginMs = performance.now()
  const ids = await writeHistory({
    dist: dirname(MAIN),
    journal: join(folder, 'master', mesh, 'master', '0', 'journal'),
    master: master.address.split('/p2p/')[1],
    keyFile: join(process.env.MESHMARK_DATA, meshId, 'client', '0', 'identity.key'),
    peerId,
    jobs: count,
    signal: interruption
  })

  say(`${count} finished jobs written in ${seconds(performance.now() - beginMs)}`)

  const first = await started(master)

  say(`a start without the list: ${seconds(first.ms)}, ${seconds(first.cpuMs)} of CPU`)

  const listedMs = await untilListed(master, interruption)
  const listedCpuMs = (await master.usage()).cpuUs / 1_000 - first.cpuMs

  say(`the list made anew: ${seconds(listedMs)}, ${seconds(listedCpuMs)} of CPU`)
  await master.stop()

  const again = await started(master)
  const used = await master.usage()
  const bytesPerJob = (used.heapUsed + used.external - empty.heapUsed - empty.external) / count
  const jobsMs = await asked(master, async client => client.jobs(20))
  const filtered = {}

  for (const [what, filter] of Object.entries(FILTERS)) {
    const { cpuUs } = await master.usage()
    const ms = await asked(master, async client => client.jobs(20, filter))

    filtered[what] = { ms, cpuMs: ((await master.usage()).cpuUs - cpuUs) / 1_000 / QUESTIONS }
  }

  const showMs = await asked(master, async client => client.show(ids[0]))
  const namedMs = await asked(master, async client => client.show(`job-${Math.floor(count / 2)}`))

  say(`a start with the list: ${seconds(again.ms)}, ${seconds(again.cpuMs)} of CPU`)
  say(`memory: ${mib(empty.rss)} empty, ${mib(used.rss)} resident with all; ${Math.round(bytesPerJob)} bytes of heap and buffers a job`)
  say(`jobs: ${jobsMs.toFixed(1)} ms; show of the oldest: ${showMs.toFixed(1)} ms; show by a name: ${namedMs.toFixed(1)} ms (medians of ${QUESTIONS})`)
  Object.entries(filtered).forEach(([what, { ms, cpuMs }]) => { say(`jobs, ${what}: ${ms.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms of CPU with a share of connecting`) })

  return { empty, used, first, listed: { ms: listedMs, cpuMs: listedCpuMs }, again, bytesPerJob, jobsMs, filtered, showMs, namedMs }
}

async function started (master) {
  const beginMs = performance.now()

  await master.again()

  const ms = performance.now() - beginMs

  return { ms, cpuMs: (await master.usage()).cpuUs / 1_000 }
}

/** By its own word. */
async function untilListed (master, signal) {
  const beginMs = performance.now()

  while (!master.lines.includes('the list of finished jobs is complete')) {
    await delay(100, undefined, { signal })
  }

  return performance.now() - beginMs
}

/** The median of some answers, in milliseconds. */
async function asked (master, ask) {
  return withClient(master, async client => {
    const times = []

    for (let time = 0; time < QUESTIONS; time++) {
      const beginMs = performance.now()

      await ask(client)
      times.push(performance.now() - beginMs)
    }

    return times.sort((a, b) => a - b)[Math.floor(QUESTIONS / 2)]
  })
}

async function withClient (master, use) {
  const { connectClient } = await import(join(dirname(MAIN), 'roles/client/connect.js'))
  const client = await connectClient({ masters: [master.address], mdns: false })

  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

function seconds (ms) {
  return `${(ms / 1_000).toFixed(1)} s`
}

function mib (bytes) {
  return `${Math.round(bytes / 1024 ** 2)} MiB`
}
