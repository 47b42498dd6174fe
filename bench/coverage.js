/**
 * Do the intervals cover what they claim to?
 *
 *   npm run bench -- coverage [--quick] [--trials N] [--seed N]
 *
 * Simulated run times, whose truth is known, go through the functions that
 * judge real ones; nothing is run, and a seed gives the same figures again.
 *
 * Within a session: the interval of the median, for runs that resemble the run
 * before by a correlation of 0 to 0.3.
 *
 * Across machines: pairs of runs on 1 to 20 machines, with the same noise on
 * all (2 %) or a different one on each (0.5 to 8 %), whose true ratios differ by
 * a standard deviation of 0, 0.5, 1 or 3 %; half a percent is where intervals
 * weighted by noise fail. "These machines" must hold the mean of
 * these machines' true ratios, "machines like these" that of all machines, and
 * the prediction interval the true ratio of one more machine. The noise of
 * the pairs is the same in all these situations, scaled: rows are not
 * independent of each other, trials of a row are.
 *
 * All intervals claim 95 %. Fails when the binomial interval of a coverage lies
 * wholly below 93 %.
 */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ROOT, fail, say } from '../scripts/lib/process.js'
import { acrossMachines, estimatesOfNoise, wilson, withinSession } from './lib/coverage.js'
import { machine, save, table } from './lib/record.js'

const BOUND = 0.93

const LENGTHS = [10, 12, 15, 17, 20, 30, 50, 100]
const CORRELATIONS = [0, 0.1, 0.2, 0.3]
const SPREADS = [0, 0.005, 0.01, 0.03]
const MACHINES = [1, 2, 3, 5, 10, 20]
const PAIRS = 30

const OPTIONS = { quick: { type: 'boolean' }, trials: { type: 'string' }, seed: { type: 'string' } }

/** What a report calls them. */
const NAMES = { these: 'these machines', like: 'machines like these', predicted: 'one more machine' }

/** @param {AbortSignal} interruption - looked at between the situations */
export async function bench (args, interruption) {
  const { trials, seed } = parse(args)
  const functions = await load()
  const rows = []
  let stream = seed
  const began = performance.now()

  for (const correlation of CORRELATIONS) {
    for (const n of LENGTHS) {
      await setImmediate()
      interruption.throwIfAborted()
      rows.push(judged({ of: 'median in a session', situation: { correlation, n }, ...withinSession(functions, { seed: stream++, trials, n, correlation }) }))
    }
  }

  say('bench: sessions are done; now the pairs of runs of all machines, which take longest')

  const estimates = []

  while (estimates.length < trials * Math.max(...MACHINES)) {
    await setImmediate()
    interruption.throwIfAborted()
    estimates.push(...estimatesOfNoise(functions, { seed: stream++, count: trials, pairs: PAIRS }))
  }

  for (const noise of ['equal', 'mixed']) {
    for (const spread of SPREADS) {
      for (const machines of MACHINES) {
        await setImmediate()
        interruption.throwIfAborted()

        const situation = { noise, spread, machines, pairs: PAIRS }

        for (const { what, ...counts } of acrossMachines(functions, estimates, { seed: stream++, trials, ...situation })) {
          rows.push(judged({ of: NAMES[what], situation, ...counts }))
        }
      }

      say(`bench: ${noise} noise, spread ${spread * 100} %: done after ${Math.round((performance.now() - began) / 1e3)} s`)
    }
  }

  process.stdout.write(`${describe(rows)}\n\nTrials each: ${trials}; seed ${seed}. Allowed: at least ${BOUND * 100} %.\n`)
  save('coverage', { bench: 'coverage', machine: machine(), seed, trials, bound: BOUND, rows })

  if (rows.some(({ verdict }) => verdict === 'NO')) {
    process.exitCode = 1
  }
}

/** From the build, as users have them. */
async function load () {
  const modules = await Promise.all(['autocorrelation', 'paired-ratio', 'across']
    .map(async name => import(join(ROOT, 'dist/stats', `${name}.js`))))

  return Object.assign({}, ...modules)
}

function judged (row) {
  const coverage = wilson(row)

  return { ...row, ...coverage, verdict: coverage.high < BOUND ? 'NO' : coverage.low >= BOUND ? 'yes' : 'overlaps' }
}

function describe (rows) {
  const percent = value => (value * 100).toFixed(1)
  const told = ({ correlation, n, noise, spread, machines }) => n != null
    ? `correlation ${correlation}, ${n} runs`
    : `${noise} noise, spread ${spread * 100} %, ${machines} ${machines === 1 ? 'machine' : 'machines'}`

  return table([
    ['', 'covered, %', 'binomial 95 %', 'kept', 'mean half-width, %'],
    ...rows.map(({ of, situation, share, low, high, verdict, halfWidth }) =>
      [`${of}: ${told(situation)}`, percent(share), `${percent(low)} to ${percent(high)}`, verdict, (halfWidth * 100).toFixed(2)])
  ])
}

function parse (args) {
  const { values } = parseArgs({ args, options: OPTIONS })
  const number = (name, otherwise) => {
    const value = Number(values[name] ?? otherwise)

    return Number.isInteger(value) && value > 0 ? value : fail(`bench: --${name} '${values[name]}' is not a whole number above 0`)
  }

  return { trials: number('trials', values.quick ? 500 : 10_000), seed: number('seed', 20_000_003) }
}
