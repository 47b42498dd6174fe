import { describe, expect, it } from 'vitest'
import { medianIntervalOfSeries, medianVarianceInflation, signAutocorrelation } from '../../src/stats/autocorrelation.ts'
import { medianInterval } from '../../src/stats/median-interval.ts'
import type { MedianInterval } from '../../src/stats/median-interval.ts'

const drifting = Array.from({ length: 20 }, (_, i) => 100 + i)
const alternating = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? 90 : 110)

describe('runs that resemble their neighbours', () => {
  it('are recognised by the signs of their deviations', () => {
    // Ten below, ten above: 18 equal neighbours and one change, over 20.
    expect(signAutocorrelation(drifting)).toBeCloseTo(17 / 20)
    expect(signAutocorrelation(alternating)).toBeCloseTo(-19 / 20)
    expect(signAutocorrelation([5, 5, 5])).toBe(0)
  })

  it('inflate the variance of the median by the sum of their correlations', () => {
    expect(medianVarianceInflation(0)).toBe(1)
    expect(medianVarianceInflation(-0.5)).toBe(1)
    // sin(pi/6) = 1/2: 1 + 2 (1/3 + (2/pi)(arcsin 1/4 + arcsin 1/8 + …)).
    let tail = 0

    for (let k = 2; k < 40; k++) {
      tail += 2 / Math.PI * Math.asin(0.5 ** k)
    }

    expect(medianVarianceInflation(1 / 3)).toBeCloseTo(1 + 2 * (1 / 3 + tail), 3)
    expect(medianVarianceInflation(1)).toBe(medianVarianceInflation(0.9))
  })

  it('widen both sides of the interval alike', () => {
    const plain = medianInterval(drifting)
    const widened = medianIntervalOfSeries(drifting)

    if (plain == null || widened == null) {
      throw new Error('no interval')
    }

    // 0.85, and what the estimate is too small by: more than is taken for true.
    const factor = Math.sqrt(medianVarianceInflation(0.9))

    expect(factor).toBeGreaterThan(3)
    expect(widened.median).toBe(plain.median)
    expect(widened.high - widened.median).toBeCloseTo((plain.high - plain.median) * factor)
    expect(widened.median - widened.low).toBeCloseTo((plain.median - plain.low) * factor)
  })

  it('leave the interval alone when they do not', () => {
    expect(medianIntervalOfSeries(alternating)).toEqual(medianInterval(alternating))
    expect(medianIntervalOfSeries([3, 1, 4, 1, 5, 9, 2, 6])).toEqual(medianInterval([3, 1, 4, 1, 5, 9, 2, 6]))
    expect(medianIntervalOfSeries([1, 2, 3])).toBeUndefined()
  })

  it('are covered far better than by an interval that takes them for independent', () => {
    const independent = coverage(50, 0)
    const correlated = coverage(50, 0.6)

    expect(independent.series).toBeGreaterThan(0.95)
    expect(correlated.plain).toBeLessThan(0.82)
    expect(correlated.series).toBeGreaterThan(0.88)
  })
})

/** How often the true median, 0, lies inside, over 2 000 series with this correlation between neighbours. Always the same series. */
function coverage (n: number, correlation: number): { plain: number, series: number } {
  const normal = normals(1)
  const trials = 2_000
  const hits = { plain: 0, series: 0 }
  const inside = (interval: MedianInterval | undefined): number => interval != null && interval.low <= 0 && interval.high >= 0 ? 1 : 0

  for (let trial = 0; trial < trials; trial++) {
    let value = normal()
    const series = Array.from({ length: n }, () => {
      value = correlation * value + Math.sqrt(1 - correlation ** 2) * normal()
      return value
    })

    hits.plain += inside(medianInterval(series))
    hits.series += inside(medianIntervalOfSeries(series))
  }

  return { plain: hits.plain / trials, series: hits.series / trials }
}

/** Box and Muller's normal values from Lehmer's generator (Park and Miller, 1988). */
function normals (seed: number): () => number {
  let state = seed
  const uniform = (): number => {
    state = state * 48_271 % 2_147_483_647
    return state / 2_147_483_647
  }

  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
