/**
 * How often is a program called slower than itself, and how small a difference
 * is found?
 *
 *   npm run bench -- verdicts [--real N] [--simulated N]
 *
 * 1. Noise: a program of some 5 ms runs a few thousand times in a box, its
 *    times are kept in their order.
 * 2. False alarms on recorded noise: a stretch of the record, dealt out to two
 *    commands, once in pairs as Meshmark runs them (the second of two pairs the
 *    other way round) and once in two blocks, as other tools do.
 * 3. False alarms for real: comparisons of a program with itself in boxes.
 * 4. Power: runs that scatter by 1, 2 and 4 %, the second command slower by 1, 2
 *    and 5 %: independent noise, and the recorded noise scaled to that scatter.
 *
 * A false alarm is "faster" or "slower"; a difference is found when the
 * verdict is "slower". Beside Meshmark: hyperfine's printed interval, and Welch's
 * test, each on blocks and on pairs. 30 pairs everywhere.
 *
 * Fails when false alarms are beyond 5 %, or +2 % at a scatter of 2 % is found
 * in less than 85 %, by the binomial interval.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, ROOT, say } from '../scripts/lib/process.js'
import { middle } from './lib/bootstrap.js'
import { boxHost } from './lib/calls.js'
import { compile } from './lib/contestants.js'
import { wilson } from './lib/coverage.js'
import { Random } from './lib/random.js'
import { load, machine, save, table } from './lib/record.js'
import { hyperfineRule, welchRule } from './lib/rules.js'

/** What --quick stands for: a look, with wide intervals. */
export const QUICK = ['--real', '20', '--simulated', '200']

const PAIRS = 30
const MARGIN = 0.01
const MAX_FALSE = 0.05
const MIN_POWER = 0.85

const SCATTERS = [0.01, 0.02, 0.04]
const SLOWER = [0, 0.01, 0.02, 0.05]

const RECORDED = 6_000
const RUN_NS = 5e6

/** Runs of one box while noise is recorded. */
const BLOCK = 500

/** The median absolute deviation of a normal distribution, in standard deviations. */
const MAD_OF_NORMAL = 0.6745

/** @param {AbortSignal} interruption after which everything is taken down */
export async function bench (args, interruption) {
  const counts = parse(args)
  const rules = await loadRules()
  const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'meshmark-bench-'))
  const host = boxHost()

  try {
    // What makes boxes has given up root, and must still reach the program.
    chmodSync(folder, 0o755)

    const file = compile('spin', folder)

    await host.call('open')

    const began = load()
    const rounds = await calibrate(host, file)
    const noise = await record({ host, file, rounds, interruption })
    const real = await compareForReal({ host, file, rounds, comparisons: counts.real, rules, interruption })
    const random = new Random(20_26)
    const rows = [
      { what: 'itself, recorded noise', ...falseAlarms({ noise, trials: counts.simulated, rules, random }) },
      { what: `itself, ${counts.real} real comparisons`, pairs: { meshmark: real.alarms }, blocks: {} },
      ...power({ noise, trials: counts.simulated, rules, random })
    ]
    const result = { bench: 'verdicts', machine: machine(), load: [began, load()], pairs: PAIRS, rows, noise, real: real.comparisons }
    const judged = judge(rows)

    process.stdout.write(`${describe(result, judged)}\n`)
    save('verdicts', result)

    if (judged.some(({ verdict }) => verdict === 'NO')) {
      process.exitCode = 1
    }
  } finally {
    await host.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each says whether two lists of times differ, and the first which way. */
async function loadRules () {
  const [{ pairedRatio }, { verdictOf }, distributions] = await Promise.all(['stats/paired-ratio.js', 'measure/verdict.js', 'stats/distributions.js'].map(async file => import(join(ROOT, 'dist', file))))

  return { meshmark: (a, b) => verdictOf(pairedRatio(a, b), MARGIN), hyperfine: hyperfineRule, welch: welchRule(distributions) }
}

const isAlarm = verdict => verdict === true || verdict === 'slower' || verdict === 'faster'
const isFound = verdict => verdict === true || verdict === 'slower'

async function record ({ host, file, rounds, interruption }) {
  const noise = []

  while (noise.length < RECORDED) {
    interruption.throwIfAborted()
    await host.call('create', { count: 1 })
    noise.push(...(await host.call('run', { box: 0, argv: ['./spin', rounds], file, runs: BLOCK })).walls)
    await host.call('close')
    say(`bench: ${noise.length} of ${RECORDED} runs of noise, load ${load()}`)
  }

  return noise
}

async function compareForReal ({ host, file, rounds, comparisons: wanted, rules, interruption }) {
  const comparisons = []

  while (comparisons.length < wanted) {
    interruption.throwIfAborted()
    await host.call('create', { count: 1 })

    const [a, b] = await host.call('compare', { box: 0, argv: ['./spin', rounds], file, pairs: PAIRS })

    comparisons.push({ a, b, verdict: rules.meshmark(a, b) })
    await host.call('close')

    if (comparisons.length % 20 === 0) {
      say(`bench: ${comparisons.length} of ${wanted} real comparisons, load ${load()}`)
    }
  }

  return { comparisons, alarms: share(comparisons.map(({ verdict }) => isAlarm(verdict))) }
}

/** A program against itself, in stretches of what was recorded. */
function falseAlarms ({ noise, trials, rules, random }) {
  return experiment({ trials, rules, count: isAlarm, draw: () => stretch(noise, random), slower: 0, random })
}

function power ({ noise, trials, rules, random }) {
  const usual = middle(noise)
  const deviations = noise.map(time => Math.log(time / usual))
  const scatterOfNoise = middle(deviations.map(Math.abs)) / MAD_OF_NORMAL
  const kinds = {
    independent: scatter => () => Array.from({ length: 2 * PAIRS }, () => Math.exp(scatter * random.normal())),
    recorded: scatter => () => stretch(deviations, random).map(deviation => Math.exp(deviation * scatter / scatterOfNoise))
  }

  return Object.entries(kinds).flatMap(([kind, drawer]) => SCATTERS.flatMap(scatter => SLOWER.map(slower => ({
    what: `+${percent(slower)} at ${percent(scatter)}, ${kind} noise`,
    kind,
    scatter,
    slower,
    ...experiment({ trials, rules, count: slower === 0 ? isAlarm : isFound, draw: drawer(scatter), slower, random })
  }))))
}

/** The same times, dealt out in pairs and in blocks. */
function experiment ({ trials, rules, count, draw, slower, random }) {
  const seen = { pairs: {}, blocks: {} }

  for (const name of Object.keys(rules)) {
    seen.pairs[name] = []
    seen.blocks[name] = []
  }

  for (let trial = 0; trial < trials; trial++) {
    const times = draw()

    for (const [design, [a, b]] of Object.entries({ pairs: inPairs(times, random), blocks: [times.slice(0, PAIRS), times.slice(PAIRS)] })) {
      const contender = b.map(time => time * (1 + slower))

      for (const [name, rule] of Object.entries(rules)) {
        seen[design][name].push(count(rule(a, contender)))
      }
    }
  }

  return Object.fromEntries(Object.entries(seen).map(([design, rules]) => [design, Object.fromEntries(Object.entries(rules).map(([name, hits]) => [name, share(hits)]))]))
}

/** ABBA or BAAB, as chance will have it. */
function inPairs (times, random) {
  const a = []
  const b = []
  let first = [a, b]

  for (let pair = 0; 2 * pair + 1 < times.length; pair++) {
    first = pair % 2 === 1 ? first.toReversed() : random.uniform() < 0.5 ? [a, b] : [b, a]
    first[0].push(times[2 * pair])
    first[1].push(times[2 * pair + 1])
  }

  return [a, b]
}

function stretch (series, random) {
  const from = Math.floor(random.uniform() * (series.length - 2 * PAIRS))

  return series.slice(from, from + 2 * PAIRS)
}

async function calibrate (host, file) {
  const trial = 10_000_000

  await host.call('create', { count: 1 })

  const { walls } = await host.call('run', { box: 0, argv: ['./spin', String(trial)], file, runs: 15 })

  await host.call('close')
  return String(Math.round(trial * RUN_NS / Math.min(...walls) / 1e4) * 1e4)
}

function share (hits) {
  return wilson({ covered: hits.filter(Boolean).length, trials: hits.length })
}

/** What must hold: of Meshmark's verdicts on pairs. */
function judge (rows) {
  return rows.map(({ what, kind, scatter, slower = 0, pairs: { meshmark: { low, high } } }) => {
    if (slower === 0) {
      return { what, verdict: low > MAX_FALSE ? 'NO' : 'yes', bound: `at most ${percent(MAX_FALSE)}` }
    }

    return kind === 'independent' && scatter === 0.02 && slower === 0.02
      ? { what, verdict: high < MIN_POWER ? 'NO' : 'yes', bound: `at least ${percent(MIN_POWER)}` }
      : { what, verdict: '', bound: '' }
  })
}

function describe ({ rows, load, machine, noise }, judged) {
  const figure = found => found == null ? '' : `${(found.share * 100).toFixed(1)} %`
  const scatter = middle(noise.map(time => Math.abs(Math.log(time / middle(noise))))) / MAD_OF_NORMAL

  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ', virtual' : ''}, load ${load[0]} to ${load[1]}; runs of ${(middle(noise) / 1e6).toFixed(2)} ms, recorded scatter ${(scatter * 100).toFixed(2)} %; ${PAIRS} pairs`,
    'called different, by Meshmark, by what hyperfine prints, by Welch:',
    '',
    table([
      ['', 'Meshmark', '95 %', 'bound', '', 'hyperfine, blocks', 'Welch, blocks', 'hyperfine, pairs', 'Welch, pairs'],
      ...rows.map(({ what, pairs, blocks }, index) => [
        what, figure(pairs.meshmark), `[${(pairs.meshmark.low * 100).toFixed(1)}, ${(pairs.meshmark.high * 100).toFixed(1)}]`, judged[index].bound, judged[index].verdict,
        figure(blocks.hyperfine), figure(blocks.welch), figure(pairs.hyperfine), figure(pairs.welch)
      ])
    ])
  ].join('\n')
}

function percent (fraction) {
  return `${Number((fraction * 100).toFixed(1))} %`
}

function parse (args) {
  const { values } = parseArgs({ args, options: { real: { type: 'string', default: '200' }, simulated: { type: 'string', default: '1000' } } })

  return Object.fromEntries(['real', 'simulated'].map(name => {
    const value = Number(values[name])

    return [name, Number.isInteger(value) && value > 0 ? value : fail(`bench: --${name} '${values[name]}' is not a number of comparisons`)]
  }))
}
