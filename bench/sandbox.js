/**
 * What does the sandbox cost?
 *
 *   npm run bench -- sandbox [--quick] [--pairs N] [--long-pairs N]
 *
 * N: pairs of blocks, of 20 runs of `true` and of 3 of the long program.
 *
 * A program in a box, with every protection that a worker here would have, is
 * compared with the least that can be done on this machine: a loop in C of
 * posix_spawn and wait4, with the same environment and clocks at the same
 * places. `true` shows what starting costs, a calculation of some 45 ms what
 * remains once the program computes.
 *
 * Short blocks of runs alternate, box, loop, and the loop once more, in random
 * order and then in that order reversed, so that a drift of the machine touches
 * all alike. Every block of the box is a task of its own in a box of its own,
 * made ready before. A block's first two runs do not count. Each turn gives one
 * ratio of medians; printed is the median of the ratios with its bootstrap
 * interval. The loop against itself is the control: no figure here can be finer.
 *
 * Fails when an interval lies wholly above what is allowed.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { boxHost } from './lib/calls.js'
import { compile, SpawnLoop } from './lib/contestants.js'
import { load, machine, save, table } from './lib/record.js'

/** What is allowed. */
const BOUNDS = { short: 1.08, long: 1.02, readyMs: 60, untimedMs: 1 }

/** As in a box; see baseEnvironment of the runner. */
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', USER: 'box', LOGNAME: 'box' }

const DISCARDED = 2
const SHORT_RUNS = 20 + DISCARDED
const LONG_RUNS = 3 + DISCARDED
const LONG_NS = 45e6

/** Runs of the task whose untimed part is looked at. */
const TASK_RUNS = 500

/** Boxes that wait at a time; even, for a turn and its reverse. */
const WAITING = 6

/** A box that has just been made goes on for some milliseconds to warm itself up, and those before it to vanish. */
const SETTLE_MS = 150

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  pairs: { type: 'string' },
  'long-pairs': { type: 'string' }
}

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const counts = parse(args)
  const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'meshmark-bench-'))
  const host = boxHost()

  try {
    // What makes boxes has given up root, and must still reach the programs.
    chmodSync(folder, 0o755)

    const loop = compile('spawn-loop', folder)
    const spin = compile('spin', folder)
    const facts = await host.call('open')
    const began = load()

    const start = words => new SpawnLoop({ loop, words, output: join(folder, 'output'), cwd: folder, env: ENV })
    const cold = await measureReady({ host, count: counts.boxes, interruption })
    const untimed = await measureUntimed({ host, tasks: counts.tasks, interruption })
    const short = await compare({ host, start, words: ['/usr/bin/true'], argv: ['true'], runs: SHORT_RUNS, turns: counts.pairs, interruption })
    const rounds = await calibrate(start, spin)
    const long = await compare({ host, start, words: [spin, rounds], argv: ['./spin', rounds], file: spin, runs: LONG_RUNS, turns: counts.longPairs, interruption })

    const result = { bench: 'sandbox', machine: machine(), load: [began, load()], facts, bounds: BOUNDS, short, long, cold, untimed }
    const judged = judge(result)

    process.stdout.write(`${describe(result, judged)}\n`)
    save('sandbox', result)

    if (judged.some(({ verdict }) => verdict === 'NO')) {
      process.exitCode = 1
    }
  } finally {
    await host.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds until a box waits for its task. */
async function measureReady ({ host, count, interruption }) {
  const times = []

  while (times.length < count) {
    interruption.throwIfAborted()
    await setTimeout(SETTLE_MS)
    times.push(...await host.call('create', { count: 1 }))
    await host.call('close')
  }

  return { ...bootstrapMedian(times), times }
}

/** Milliseconds per run of a task that are not the program's. */
async function measureUntimed ({ host, tasks, interruption }) {
  const times = []

  while (times.length < tasks) {
    interruption.throwIfAborted()
    await host.call('create', { count: 1 })
    await setTimeout(SETTLE_MS)

    const { ms, walls } = await host.call('run', { box: 0, argv: ['true'], runs: TASK_RUNS })

    times.push((ms - sum(walls) / 1e6) / TASK_RUNS)
    await host.call('close')
  }

  return { ...bootstrapMedian(times), times }
}

/** Ratios of box and of control to the loop, one per turn. */
async function compare ({ host, start, words, argv, file, runs, turns, interruption }) {
  const loops = { loop: start(words), control: start(words) }
  const measured = []

  try {
    while (measured.length < turns) {
      interruption.throwIfAborted()
      await host.call('create', { count: WAITING })
      await setTimeout(SETTLE_MS)

      for (let box = 0; box < WAITING; box += 2) {
        const order = shuffled(['box', 'loop', 'control'])

        for (const [offset, turn] of [order, order.toReversed()].entries()) {
          const blocks = {}

          for (const side of turn) {
            const walls = side === 'box' ? (await host.call('run', { box: box + offset, argv, file, runs })).walls : await loops[side].run(runs)

            blocks[side] = walls.slice(DISCARDED)
          }

          measured.push({ order: turn, ...blocks })
        }
      }

      await host.call('close')
      say(`bench: ${argv.join(' ')}: ${measured.length} of ${turns} pairs of blocks, load ${load()}`)
    }
  } finally {
    await Promise.all(Object.values(loops).map(async loop => loop.stop()))
  }

  const ratios = side => measured.map(turn => middle(turn[side]) / middle(turn.loop))
  const all = side => measured.flatMap(turn => turn[side])

  return {
    words: argv,
    turns: measured.length,
    pairs: measured.length * (runs - DISCARDED),
    ratio: bootstrapMedian(ratios('box')),
    control: bootstrapMedian(ratios('control')),
    medianNs: { box: middle(all('box')), loop: middle(all('loop')) },
    fastestNs: { box: Math.min(...all('box')), loop: Math.min(...all('loop')) },
    blocks: measured
  }
}

/** The argument with which a run of spin takes about as long as wanted. */
async function calibrate (start, spin) {
  const trial = 10_000_000
  const loop = start([spin, String(trial)])

  try {
    return String(Math.round(trial * LONG_NS / middle(await loop.run(7)) / 1e5) * 1e5)
  } finally {
    await loop.stop()
  }
}

function judge ({ short, long, cold, untimed }) {
  return [
    { of: 'true, box to loop', ...short.ratio, bound: BOUNDS.short, digits: 3, n: `${short.pairs} runs in ${short.turns} blocks` },
    { of: '  loop to itself', ...short.control, digits: 3, n: '' },
    { of: '45 ms of work, box to loop', ...long.ratio, bound: BOUNDS.long, digits: 3, n: `${long.pairs} runs in ${long.turns} blocks` },
    { of: '  loop to itself', ...long.control, digits: 3, n: '' },
    { of: 'box ready, ms', ...cold, bound: BOUNDS.readyMs, digits: 1, n: `${cold.times.length} boxes` },
    { of: 'untimed per run, ms', ...untimed, bound: BOUNDS.untimedMs, digits: 3, n: `${untimed.times.length} tasks of ${TASK_RUNS} runs` }
  ].map(row => ({ ...row, verdict: verdictOf(row) }))
}

function verdictOf ({ low, high, bound }) {
  return bound == null ? '' : low > bound ? 'NO' : high <= bound ? 'yes' : 'overlaps'
}

function describe ({ machine, load, facts, short, long }, judged) {
  const rows = judged.map(({ of, median, low, high, bound, digits, n, verdict }) =>
    [of, `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`, bound == null ? '' : `at most ${bound}`, verdict, n])
  const us = ns => `${(ns / 1e3).toFixed(1)} us`
  const of = ({ words, medianNs, fastestNs }) =>
    `${words.join(' ')}: median ${us(medianNs.box)} in the box, ${us(medianNs.loop)} in the loop; fastest ${us(fastestNs.box)} and ${us(fastestNs.loop)}`

  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ', virtual' : ''}, load ${load[0]} to ${load[1]}; Linux ${machine.kernel}, Node ${machine.node}`,
    `${facts.builder} ${facts.builderVersion}; ${facts.uidMode}; cgroup ${facts.cgroup}; ${Object.entries(facts.methods).map(([what, how]) => `${what} by ${how}`).join(', ')}; filters ${facts.filterHash.slice(0, 12)}`,
    ...facts.caveats.map(caveat => `without: ${caveat}`),
    '',
    table([['', 'median, 95 %', 'allowed', 'kept', 'of'], ...rows]),
    '',
    of(short),
    of(long)
  ].join('\n')
}

function parse (args) {
  const { values } = parseArgs({ args, options: OPTIONS })
  const number = (name, otherwise) => {
    const value = Number(values[name] ?? otherwise)

    return Number.isInteger(value) && value > 1 ? value : fail(`bench: --${name} '${values[name]}' is not a number of pairs of blocks, 2 at least`)
  }

  return values.quick
    ? { pairs: number('pairs', 12), longPairs: number('long-pairs', 12), boxes: 10, tasks: 6 }
    : { pairs: number('pairs', 240), longPairs: number('long-pairs', 102), boxes: 30, tasks: 12 }
}

function sum (values) {
  return values.reduce((total, value) => total + value, 0)
}

function shuffled (items) {
  return items.map(item => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item)
}
