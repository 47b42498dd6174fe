import { beforeAll, describe, expect, it } from 'vitest'
import { acrossMachines, estimatesOfNoise, wilson, withinSession } from '../../bench/lib/coverage.js'
import { Random } from '../../bench/lib/random.js'
import { estimateOf, hartungKnapp, machinesLikeThese, pauleMandel, theseMachines } from '../../src/stats/across.ts'
import { medianIntervalOfSeries } from '../../src/stats/autocorrelation.ts'
import { studentQuantile } from '../../src/stats/distributions.ts'
import { pairedRatio } from '../../src/stats/paired-ratio.ts'
import type { Estimate } from '../../src/stats/across.ts'
import type { PairedRatio } from '../../src/stats/paired-ratio.ts'

/** What the whole bench asks, `npm run bench -- coverage`, in fewer trials and situations. Always the same trials. */
const BOUND = 0.93
const TRIALS = 400
const functions = { medianIntervalOfSeries, pairedRatio, estimateOf, theseMachines, machinesLikeThese }

/** No multiple of any number of machines here: when they come again, they come in other company. */
const ESTIMATES = 1_499

let estimates: Estimate[]

beforeAll(() => {
  estimates = estimatesOfNoise(functions, { seed: 1, count: ESTIMATES, pairs: 30 })
})

describe('intervals that claim 95 %', () => {
  it('cover the median of runs that resemble their neighbours', () => {
    for (const correlation of [0, 0.3]) {
      for (const n of [10, 30]) {
        const { share, high } = wilson(withinSession(functions, { seed: 1, trials: TRIALS, n, correlation }))

        expect(high, `${share} at correlation ${correlation}, ${n} runs`).toBeGreaterThan(BOUND)
      }
    }
  })

  it('cover what they say of machines', () => {
    for (const noise of ['equal', 'mixed']) {
      for (const spread of [0, 0.03]) {
        for (const machines of [1, 2, 5]) {
          for (const counts of acrossMachines(functions, estimates, { seed: 1, trials: TRIALS, noise, spread, machines })) {
            const { share, high } = wilson(counts)

            expect(high, `${share} of ${counts.what} with ${noise} noise, spread ${spread}, ${machines} machines`).toBeGreaterThan(BOUND)
          }
        }
      }
    }
  })

  it('would not cover machines like these with weights by noise, where the machines differ by half a percent', () => {
    const weighted: typeof machinesLikeThese = estimates => {
      const tauSquared = pauleMandel(estimates)
      const { mean, error } = hartungKnapp(estimates, estimates.map(({ error }) => 1 / (error ** 2 + tauSquared)))
      const t = studentQuantile(0.975, estimates.length - 1)
      const ends = (half: number): [number, number] => [Math.exp(mean - half), Math.exp(mean + half)]
      const [low, high] = ends(t * error)
      const [predictedLow, predictedHigh] = ends(t * Math.hypot(error, Math.sqrt(tauSquared)))

      return { ratio: Math.exp(mean), low, high, predictedLow, predictedHigh, tau: Math.sqrt(tauSquared) }
    }
    const situation = { seed: 1, trials: 5 * TRIALS, noise: 'mixed', spread: 0.005, machines: 6 }
    const shares = (like: typeof machinesLikeThese): number[] =>
      acrossMachines({ ...functions, machinesLikeThese: like }, estimates, situation).slice(1).map(counts => wilson(counts).share)

    expect(Math.max(...shares(weighted))).toBeLessThan(0.92)
    expect(Math.min(...shares(machinesLikeThese))).toBeGreaterThan(0.95)
  })

  it('would be found out if they were a fifth too narrow', () => {
    const narrow = (estimates: Parameters<typeof theseMachines>[0]): ReturnType<typeof theseMachines> =>
      theseMachines(estimates.map(estimate => ({ ...estimate, error: estimate.error * 0.8 })))
    const [these] = acrossMachines({ ...functions, theseMachines: narrow }, estimates, { seed: 1, trials: TRIALS, noise: 'equal', spread: 0.01, machines: 3 })

    expect(these).toBeDefined()
    expect(wilson(these as { covered: number, trials: number }).high).toBeLessThan(BOUND)
  })
})

describe('what the simulation takes for granted', () => {
  it('is that a ratio\'s estimate moves and grows with the logarithms of its pairs', () => {
    const random = new Random(1)
    const logs = Array.from({ length: 30 }, () => [random.normal(), random.normal()] as const)
    const measured = (effect: number, noise: number): Estimate =>
      estimateOf(pairedRatio(logs.map(([a]) => Math.exp(noise * a)), logs.map(([, b]) => Math.exp(effect + noise * b))) as PairedRatio)
    const unit = measured(0, 0.02)
    const other = measured(0.03, 0.06)

    expect(other.log).toBeCloseTo(0.03 + 3 * unit.log, 10)
    expect(other.error).toBeCloseTo(3 * unit.error, 10)
    expect(other.freedom).toBe(unit.freedom)
  })
})
