/**
 * How long until `true` has run on eight workers, and the last one has said so?
 *
 *   npm run bench -- dispatch [--rounds N] [--workers N] [--seed N]
 *
 * Rounds. In each, and in random order:
 * - a job of `exec --on all true` from a client that is connected, from its
 *   submission to its last result, every worker with a box ready (warm);
 * - the same again at once, when the boxes have just been used up (cold);
 * - the command `meshmark exec --on all true` as a process, from its start to
 *   its end, and `meshmark exec true`, which takes one worker;
 * - `meshmark nodes`, which starts, connects and leaves as those do;
 * - pdsh and clush over connections of ssh that are open, and `ssh HOST true`
 *   over one of them.
 *
 * All on one machine. Behind ssh nothing is isolated, measured or kept; here
 * the job is on the disk of its master before it starts, and the result on that
 * of its worker before it is told. Workers rest for a second and a half before
 * what is called warm, so that their boxes are ready.
 *
 * Fails when the interval lies wholly beyond it: a warm job at most pdsh's
 * time, a cold one at most that and 150 ms.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { LocalMesh } from './lib/local-mesh.js'
import { Random } from './lib/random.js'
import { load, machine, save, table } from './lib/record.js'
import { SshFleet } from './lib/ssh-fleet.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '8']

const COLD_MS = 150
const SETTLE_MS = 1_500

/** From one point of a job to the next. */
const PHASES = [
  ['accepted: signed, sent, checked, on the disk', 'submitted', 'accepted'],
  ['until the first program starts', 'accepted', 'firstStart'],
  ['until the last program starts', 'firstStart', 'lastStart'],
  ['until the last program has ended', 'lastStart', 'lastFinish'],
  ['until the last result has come', 'lastFinish', 'lastResult'],
  ['until the end is said', 'lastResult', 'ended']
]

/** Of the execution in the middle of a job. */
const MIDDLE = [
  ['from accepted to the start of its program: assigned, on the disk, START, on the worker\'s disk, into its box', 'offerMs'],
  ['its program and its box', 'boxMs'],
  ['from its end to its result at the client: two disks, two ways', 'deliveryMs']
]

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '20' }, workers: { type: 'string', default: '8' }, seed: { type: 'string', default: '1' } } })
  const [rounds, workers] = [Number(values.rounds), Number(values.workers)]

  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(workers) || workers < 1 || workers > 100) {
    fail(`bench: --rounds ${values.rounds} --workers ${values.workers}: give whole numbers above 0, 100 workers at most`)
  }

  // what it reads must be built before
  const { connectTo, draftExec, runJob } = await import('./lib/client.js')
  const began = load()
  const random = new Random(Number(values.seed))
  const jobs = { warm: [], cold: [] }
  const times = Object.fromEntries(['job, warm', 'job, cold', 'command on all', 'command on one', 'nodes', 'pdsh', 'clush', 'ssh to one'].map(name => [name, []]))
  const started = []

  try {
    const keep = async start => {
      const one = await start

      started.push(one)

      return one
    }
    const fleet = await keep(SshFleet.start(workers, interruption))
    const mesh = await keep(LocalMesh.start({ workers }))
    const client = await connectTo(mesh)

    started.push({ stop: async () => client.close() })

    const draft = await draftExec(['true'], { on: 'all' })
    const job = async () => {
      await delay(SETTLE_MS, undefined, { signal: interruption })

      for (const kind of ['warm', 'cold']) {
        const marks = await runJob(client, draft)

        jobs[kind].push(marks)
        times[`job, ${kind}`].push(marks.lastResult - marks.submitted)
      }
    }
    const timed = (name, work, settle = 0) => async () => {
      await delay(settle, undefined, { signal: interruption })

      const from = performance.now()

      await work()
      times[name].push(performance.now() - from)
    }
    const command = words => async () => {
      const { code, output } = await mesh.command(words)

      if (code !== 0) {
        throw new Error(`meshmark ${words.join(' ')} ended with ${code}: ${output.trim()}`)
      }
    }
    const contestants = [
      job,
      timed('command on all', command(['exec', '--on', 'all', 'true']), SETTLE_MS),
      timed('command on one', command(['exec', 'true']), SETTLE_MS),
      timed('nodes', command(['nodes', '--format', 'json'])),
      timed('pdsh', async () => fleet.pdsh()),
      timed('clush', async () => fleet.clush()),
      timed('ssh to one', async () => fleet.ssh())
    ]

    // a rehearsal: files are read, code is compiled, memberships are earned
    for (const once of contestants) {
      await once()
    }

    for (const list of [...Object.values(times), ...Object.values(jobs)]) {
      list.length = 0
    }

    for (let round = 1; round <= rounds; round++) {
      for (const once of random.shuffled(contestants)) {
        interruption.throwIfAborted()
        await once()
      }

      say(`bench: round ${round} of ${rounds}: ${Object.entries(times).map(([name, all]) => `${name} ${Math.round(all.at(-1))} ms`).join(', ')}`)
    }
  } finally {
    for (const one of started.reverse()) {
      await one.stop()
    }
  }

  const to = (name, other, more = 0) => bootstrapMedian(times[name].map((time, round) => time / (times[other][round] + more)))
  const ratios = {
    'job, warm, to pdsh': { ...to('job, warm', 'pdsh'), bound: 1 },
    [`job, cold, to pdsh and ${COLD_MS} ms`]: { ...to('job, cold', 'pdsh', COLD_MS), bound: 1 },
    'job, warm, to clush': to('job, warm', 'clush'),
    'command on all to pdsh': to('command on all', 'pdsh'),
    'command on one to ssh': to('command on one', 'ssh to one')
  }
  const phases = Object.fromEntries(Object.entries(jobs).map(([kind, all]) => [kind, PHASES.map(([name, from, until]) => ({ name, ms: middle(all.map(marks => marks[until] - marks[from])) }))]))
  const one = Object.fromEntries(Object.entries(jobs).map(([kind, all]) => [kind, MIDDLE.map(([name, key]) => ({ name, ms: middle(all.map(marks => marks[key])) }))]))
  const result = { bench: 'dispatch', machine: machine(), load: [began, load()], workers, rounds, ratios, phases, one, timesMs: times, jobs }

  process.stdout.write(`${[
    table([['', 'n', 'median, 95 %, ms', 'least'], ...Object.entries(times).map(([name, all]) => [name, String(all.length), interval(bootstrapMedian(all), 0), Math.min(...all).toFixed(0)])]),
    table([['ratio within a round', 'median, 95 %', 'at most', 'kept'], ...Object.entries(ratios).map(([name, ratio]) => [name, interval(ratio, 2), ratio.bound == null ? '' : String(ratio.bound), verdictOf(ratio)])]),
    table([['where the time of a job goes, ms', 'warm', 'cold'], ...PHASES.map(([name], i) => [name, phases.warm[i].ms.toFixed(1), phases.cold[i].ms.toFixed(1)])]),
    table([['and that of one execution, in the middle, ms', 'warm', 'cold'], ...MIDDLE.map(([name], i) => [name, one.warm[i].ms.toFixed(1), one.cold[i].ms.toFixed(1)])]),
    `starting, connecting and leaving, as a command does: ${middle(times.nodes).toFixed(0)} ms`
  ].join('\n\n')}\n`)
  save('dispatch', result)

  if (Object.values(ratios).some(ratio => verdictOf(ratio) === 'NO')) {
    process.exitCode = 1
  }

  return result
}

function interval ({ median, low, high }, digits) {
  return `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`
}

function verdictOf ({ low, high, bound }) {
  return bound == null ? '' : low > bound ? 'NO' : high <= bound ? 'yes' : 'overlaps'
}
