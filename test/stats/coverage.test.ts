import { describe, expect, it } from 'vitest'
import { acrossMachines, wilson, withinSession } from '../../bench/lib/coverage.js'
import { estimateOf, hartungKnapp, machinesLikeThese, pauleMandel, theseMachines } from '../../src/stats/across.ts'
import { medianIntervalOfSeries } from '../../src/stats/autocorrelation.ts'
import { studentQuantile } from '../../src/stats/distributions.ts'
import { pairedRatio } from '../../src/stats/paired-ratio.ts'

/** What the whole bench asks, `npm run bench -- coverage`, in fewer trials and situations. Always the same trials. */
const BOUND = 0.93
const TRIALS = 400
const functions = { medianIntervalOfSeries, pairedRatio, estimateOf, theseMachines, machinesLikeThese }

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
          for (const counts of acrossMachines(functions, { seed: 1, trials: TRIALS, noise, spread, machines, pairs: 30 })) {
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
    const situation = { seed: 1, trials: 3 * TRIALS, noise: 'mixed', spread: 0.005, machines: 6, pairs: 30 }
    const shares = (like: typeof machinesLikeThese): number[] =>
      acrossMachines({ ...functions, machinesLikeThese: like }, situation).slice(1).map(counts => wilson(counts).share)

    expect(Math.max(...shares(weighted))).toBeLessThan(0.92)
    expect(Math.min(...shares(machinesLikeThese))).toBeGreaterThan(0.95)
  })

  it('would be found out if they were a fifth too narrow', () => {
    const narrow = (estimates: Parameters<typeof theseMachines>[0]): ReturnType<typeof theseMachines> =>
      theseMachines(estimates.map(estimate => ({ ...estimate, error: estimate.error * 0.8 })))
    const [these] = acrossMachines({ ...functions, theseMachines: narrow }, { seed: 1, trials: TRIALS, noise: 'equal', spread: 0.01, machines: 3, pairs: 30 })

    expect(these).toBeDefined()
    expect(wilson(these as { covered: number, trials: number }).high).toBeLessThan(BOUND)
  })
})
