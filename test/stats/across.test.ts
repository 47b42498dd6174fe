import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hartungKnapp, machinesLikeThese, pauleMandel, satterthwaite, theseMachines } from '../../src/stats/across.ts'
import { studentQuantile } from '../../src/stats/distributions.ts'
import type { Estimate, PopulationRatio } from '../../src/stats/across.ts'

/** Written by reference/make-across.py. */
const { cases } = JSON.parse(readFileSync(new URL('reference/across.json', import.meta.url), 'utf8')) as {
  cases: Array<{ estimates: Estimate[], these: number[], like?: number[], tauSquared?: number }>
}

/** Measurements of sodium by nine laboratories: Kacker, "Combining information from interlaboratory evaluations", Metrologia 41, 2004. */
const KACKER = estimates(
  [61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9],
  [0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225]
)

/** Thirteen trials of BCG vaccine against tuberculosis, Colditz et al. 1994: cases and others, vaccinated and not. */
const BCG = [
  [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
  [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
  [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825]
].map(([a = 0, b = 0, c = 0, d = 0]) => ({
  log: Math.log(a / (a + b) / (c / (c + d))),
  error: Math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)),
  freedom: Infinity
}))

function estimates (logs: number[], variances: number[]): Estimate[] {
  return logs.map((log, i) => ({ log, error: Math.sqrt(variances[i] as number), freedom: Infinity }))
}

function weights (of: readonly Estimate[], tauSquared: number): number[] {
  return of.map(({ error }) => 1 / (error ** 2 + tauSquared))
}

function intervalOf (of: readonly Estimate[], tauSquared: number): number[] {
  const { mean, error } = hartungKnapp(of, weights(of, tauSquared))
  const half = studentQuantile(0.975, of.length - 1) * error

  return [mean, error, mean - half, mean + half]
}

function expectAll (values: readonly number[], expected: readonly number[], digits: number): void {
  expect(values).toHaveLength(expected.length)

  for (const [i, value] of values.entries()) {
    expect(value, `value ${i}`).toBeCloseTo(expected[i] as number, digits)
  }
}

describe('the variance between machines', () => {
  it('is what metafor says of Kacker\'s laboratories, Paule and Mandel\'s way', () => {
    // statsmodels, results_meta.py: rma(y, v, method="PM"): tau2, b, se.
    expect(pauleMandel(KACKER)).toBeCloseTo(0.705395309224248, 9)
    expectAll(intervalOf(KACKER, pauleMandel(KACKER)).slice(0, 2), [62.4076199113286, 0.338030602684471], 9)
  })

  it('is what SciPy finds', () => {
    for (const { estimates, tauSquared } of cases.filter(({ tauSquared }) => tauSquared != null)) {
      expect(pauleMandel(estimates)).toBeCloseTo(tauSquared as number, 14)
    }
  })

  it('is none where the ratios differ less than their errors say', () => {
    expect(pauleMandel(estimates([1, 1.01, 0.99], [1, 1, 1]))).toBe(0)
    expect(pauleMandel(estimates([1, 1, 1], [0, 0, 0]))).toBe(0)
  })

  it('is the plain variance where nothing is noise', () => {
    expect(pauleMandel(estimates([1, 2, 3], [0, 0, 0]))).toBeCloseTo(1, 9)
  })
})

describe('Hartung and Knapp\'s interval', () => {
  it('is what metafor says of Kacker\'s laboratories, with DerSimonian and Laird\'s variance', () => {
    // rma(y, v, method="DL", test="knha"): tau2; b, se, ci.lb, ci.ub.
    expectAll(intervalOf(KACKER, 0.288049246973751), [62.3901386044504, 0.29477605699879, 61.710383798052, 63.0698934108488], 9)
  })

  it('is what metafor says of the BCG trials', () => {
    // metafor's README, rma(yi, vi, test="knha"), tau^2 by REML: estimate, se, ci.lb, ci.ub.
    expectAll(intervalOf(BCG, 0.3132), [-0.7145, 0.1808, -1.1084, -0.3206], 4)
  })
})

describe('these machines', () => {
  it('have the mean, errors and degrees of freedom that SciPy computes', () => {
    for (const { estimates, these } of cases) {
      const { ratio, low, high } = theseMachines(estimates) as { ratio: number, low: number, high: number }

      expectAll([ratio, low, high], these, 10)
    }
  })

  it('are one machine\'s own interval when there is one', () => {
    const { ratio, low, high } = theseMachines([{ log: 0.1, error: 0.02, freedom: 9 }]) as { ratio: number, low: number, high: number }

    expectAll([ratio, low, high].map(Math.log), [0.1, 0.1 - 0.02 * 2.262157162798205, 0.1 + 0.02 * 2.262157162798205], 12)
  })

  it('weigh the same, however noisy they are', () => {
    const quiet = { log: 0, error: 0.001, freedom: 29 }
    const noisy = { log: 0.1, error: 0.1, freedom: 29 }

    expect(theseMachines([quiet, noisy])?.ratio).toBeCloseTo(Math.exp(0.05), 12)
    // What varies is the noisy one, so its degrees of freedom are all there are.
    expect(satterthwaite([quiet, noisy])).toBeCloseTo(29, 1)
  })

  it('are exact where nothing varies, and nothing where there are none', () => {
    expect(theseMachines([{ log: 0, error: 0, freedom: 9 }, { log: 0, error: 0, freedom: 9 }])).toEqual({ ratio: 1, low: 1, high: 1 })
    expect(theseMachines([])).toBeUndefined()
  })
})

describe('machines like these', () => {
  const estimate = fc.record({
    log: fc.double({ min: -1, max: 1, noNaN: true }),
    error: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1, noNaN: true })),
    freedom: fc.integer({ min: 5, max: 1000 })
  })

  it('have the intervals that SciPy computes', () => {
    for (const { estimates, like } of cases.filter(({ like }) => like != null)) {
      const { ratio, low, high, predictedLow, predictedHigh } = machinesLikeThese(estimates) as PopulationRatio

      expectAll([ratio, low, high, predictedLow, predictedHigh], like as number[], 10)
    }
  })

  it('are not spoken of below five machines', () => {
    const estimates = Array.from({ length: 5 }, (_, i) => ({ log: i / 100, error: 0.01, freedom: 29 }))

    expect(machinesLikeThese(estimates.slice(1))).toBeUndefined()
    expect(machinesLikeThese(estimates)).toBeDefined()
  })

  it('are never known better than these machines, and a further one never better than their mean', () => {
    fc.assert(fc.property(fc.array(estimate, { minLength: 5, maxLength: 30 }), estimates => {
      const these = theseMachines(estimates) as PopulationRatio
      const like = machinesLikeThese(estimates) as PopulationRatio

      expect(like.ratio).toBeCloseTo(these.ratio, 12)
      expect(like.low).toBeLessThanOrEqual(these.low * (1 + 1e-12))
      expect(like.high).toBeGreaterThanOrEqual(these.high * (1 - 1e-12))
      expect(like.predictedLow).toBeLessThanOrEqual(like.low)
      expect(like.predictedHigh).toBeGreaterThanOrEqual(like.high)
      expect(like.tau).toBeGreaterThanOrEqual(0)
    }))
  })

  it('say the reciprocal when the two sides change places', () => {
    fc.assert(fc.property(fc.array(estimate, { minLength: 5, maxLength: 30 }), estimates => {
      const like = machinesLikeThese(estimates) as PopulationRatio
      const turned = machinesLikeThese(estimates.map(estimate => ({ ...estimate, log: -estimate.log }))) as PopulationRatio

      expectAll([turned.ratio * like.ratio, turned.low * like.high, turned.predictedLow * like.predictedHigh], [1, 1, 1], 9)
    }))
  })

  it('are exact where nothing varies', () => {
    const estimates = Array.from({ length: 5 }, () => ({ log: 0, error: 0, freedom: 9 }))

    expect(machinesLikeThese(estimates)).toEqual({ ratio: 1, low: 1, high: 1, predictedLow: 1, predictedHigh: 1, tau: 0 })
  })
})
