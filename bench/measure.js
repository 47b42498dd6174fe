/**
 * Does measuring cost as little, and is it as steady, as with the best there is?
 *
 *   npm run bench -- measure [--rounds N]
 *
 * Programs of three lengths: /bin/true, and calculations of 5 and of 50 ms.
 * Each is measured by a bare loop of posix_spawn in C, which is the floor, by
 * hyperfine -N, by hyperfine once more, which is the control (no figure here
 * can be finer), and by Meshmark through its command line, in its sandbox with
 * every protection.
 *
 * Rounds of blocks in random order, every second one the other way round. A
 * round gives one ratio of medians; printed is the median of the ratios with
 * its bootstrap interval, and the spread of runs inside a block: the median
 * absolute deviation as a part of the median, which does not know of what
 * drifts between blocks.
 *
 * Fails when an interval lies wholly above what is allowed.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, say } from '../scripts/lib/process.js'
import { bootstrapMedian, middle } from './lib/bootstrap.js'
import { compile, SpawnLoop } from './lib/contestants.js'
import { hyperfine, hyperfineVersion } from './lib/hyperfine.js'
import { LocalMesh } from './lib/local-mesh.js'
import { load, machine, save, table } from './lib/record.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--rounds', '8']

/** Runs of a block, and what Meshmark may take of hyperfine's time. */
const LENGTHS = [
  { name: '/bin/true', runs: 40, bound: 1.05 },
  { name: '5 ms', ns: 5e6, runs: 20 },
  { name: '50 ms', ns: 50e6, runs: 8, bound: 1.01 }
]

/** Of each block: they find everything cold. */
const DISCARDED = 2

/** As in a box; see baseEnvironment of the runner. */
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', USER: 'box', LOGNAME: 'box' }

const CONTESTANTS = ['floor', 'hyperfine', 'control', 'meshmark']

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const rounds = parse(args)
  const version = hyperfineVersion()
  const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'meshmark-bench-'))
  const loops = []
  let mesh

  try {
    // A worker that has given up root must still reach the programs.
    chmodSync(folder, 0o755)

    const loop = compile('spawn-loop', folder)
    const spin = compile('spin', folder)
    const start = words => {
      const started = new SpawnLoop({ loop, words, output: join(folder, 'output'), cwd: folder, env: ENV })

      loops.push(started)
      return started
    }

    const programs = []

    for (const length of LENGTHS) {
      const words = length.ns == null ? ['/usr/bin/true'] : [spin, await calibrate(start, spin, length.ns)]

      programs.push({ ...length, words, loop: start(words) })
    }

    mesh = await LocalMesh.start()

    const began = load()
    const blocks = await measure({ mesh, programs, rounds, folder, interruption })
    const result = { bench: 'measure', machine: machine(), hyperfine: version, rounds, load: [began, load()], programs: programs.map(program => summarise(program, blocks)) }

    process.stdout.write(`${describe(result)}\n`)
    save('measure', result)

    if (result.programs.some(({ verdict }) => verdict === 'NO')) {
      process.exitCode = 1
    }
  } finally {
    await mesh?.stop()
    await Promise.all(loops.map(async loop => loop.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure ({ mesh, programs, rounds, folder, interruption }) {
  const tools = {
    floor: async ({ loop, runs }) => (await loop.run(runs)).map(ns => ns / 1e9),
    hyperfine: async ({ words, runs }) => (await hyperfine({ words, runs, warmup: 0, folder, env: ENV })).times,
    control: async ({ words, runs }) => (await hyperfine({ words, runs, warmup: 0, folder, env: ENV })).times,
    meshmark: async ({ name, words, runs }) => {
      // A path without a slash is the worker's own program.
      const own = name === '/bin/true' ? ['true'] : words

      return (await mesh.measure(['--runs', String(runs), '--', ...own], folder))[0].times
    }
  }
  const blocks = []
  let order

  for (let round = 0; round < rounds; round++) {
    order = round % 2 === 1 ? order.toReversed() : shuffled(programs.flatMap(program => shuffled(CONTESTANTS).map(tool => ({ program, tool }))))

    for (const { program, tool } of order) {
      interruption.throwIfAborted()

      const times = await tools[tool]({ ...program, runs: program.runs + DISCARDED })

      blocks.push({ round, program: program.name, tool, load: load(), times: times.slice(DISCARDED) })
    }

    say(`bench: round ${round + 1} of ${rounds}, load ${load()}`)
  }

  return blocks
}

function summarise ({ name, words, bound }, blocks) {
  const of = tool => blocks.filter(block => block.program === name && block.tool === tool).sort((a, b) => a.round - b.round)
  const ratio = (above, below) => {
    const reference = of(below)

    return bootstrapMedian(of(above).map(({ times }, index) => middle(times) / middle(reference[index].times)))
  }
  const toHyperfine = ratio('meshmark', 'hyperfine')

  return {
    name,
    words,
    bound,
    medians: Object.fromEntries(CONTESTANTS.map(tool => [tool, middle(of(tool).map(({ times }) => middle(times)))])),
    spreads: Object.fromEntries(CONTESTANTS.map(tool => [tool, middle(of(tool).map(({ times }) => spread(times)))])),
    ratio: toHyperfine,
    control: ratio('control', 'hyperfine'),
    toFloor: ratio('meshmark', 'floor'),
    hyperfineToFloor: ratio('hyperfine', 'floor'),
    verdict: bound == null ? '' : toHyperfine.low > bound ? 'NO' : toHyperfine.high <= bound ? 'yes' : 'overlaps',
    blocks: blocks.filter(block => block.program === name)
  }
}

function describe ({ programs, rounds, load, machine, hyperfine }) {
  const rows = programs.map(({ name, medians, ratio, control, toFloor, hyperfineToFloor, bound, verdict }) =>
    [name, ...['floor', 'hyperfine', 'meshmark'].map(tool => ms(medians[tool])), show(ratio), bound == null ? '' : String(bound), verdict, show(control), show(toFloor), show(hyperfineToFloor)])
  const spreads = programs.map(({ name, spreads }) => [name, ...['floor', 'hyperfine', 'meshmark'].map(tool => `${(spreads[tool] * 100).toFixed(2)} %`)])

  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ', virtual' : ''}, load ${load[0]} to ${load[1]}; hyperfine ${hyperfine}; ${rounds} rounds`,
    '',
    table([['program', 'floor', 'hyperfine', 'meshmark', 'to hyperfine, 95 %', 'at most', '', 'hyperfine again', 'to the floor', 'hyperfine to the floor'], ...rows]),
    '',
    table([['spread of runs', 'floor', 'hyperfine', 'meshmark'], ...spreads])
  ].join('\n')
}

/** The argument with which a run of spin takes about as long as wanted. */
async function calibrate (start, spin, ns) {
  const trial = 10_000_000

  return String(Math.round(trial * ns / Math.min(...await start([spin, String(trial)]).run(15)) / 1e4) * 1e4)
}

function parse (args) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '30' } } })
  const rounds = Number(values.rounds)

  return Number.isInteger(rounds) && rounds > 1 ? rounds : fail(`bench: --rounds '${values.rounds}' is not a number of rounds, 2 at least`)
}

function spread (times) {
  const median = middle(times)

  return middle(times.map(time => Math.abs(time - median))) / median
}

function show ({ median, low, high }) {
  return `${median.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
}

function ms (seconds) {
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 3 : 1)} ms`
}

function shuffled (items) {
  return items.map(item => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item)
}
