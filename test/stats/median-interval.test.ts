import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { halfWidth, medianInterval, medianRanks, relativeHalfWidth } from '../../src/stats/median-interval.ts'

/** P(X(low) <= m <= X(high)) by counting in whole numbers. */
function exactCoverage (n: number, low: number, high: number): number {
  let term = 1n
  let inside = 0n

  for (let k = 0; k <= n; k++) {
    if (k >= low && k < high) {
      inside += term
    }

    term = term * BigInt(n - k) / BigInt(k + 1)
  }

  return Number(inside * 10n ** 15n / 2n ** BigInt(n)) / 1e15
}

describe('the interval of the median', () => {
  it('does not exist below six values', () => {
    expect(medianRanks(5)).toBeUndefined()
    expect(medianInterval([1, 2, 3, 4, 5])).toBeUndefined()
  })

  it.each([
    // Tables of order-statistic intervals, e.g. Conover, Practical Nonparametric Statistics, table A3.
    [6, 1, 6, 0.96875], [8, 1, 8, 0.9921875], [9, 2, 8, 0.9609375], [10, 2, 9, 0.978515625],
    [20, 6, 15, 0.958610534667969], [30, 10, 21, 0.9572260547429323], [100, 40, 61, 0.9647997997822952]
  ])('of %i values lies between numbers %i and %i', (n, low, high, coverage) => {
    const ranks = medianRanks(n)

    expect(ranks).toMatchObject({ low, high })
    expect(ranks?.coverage).toBeCloseTo(coverage, 12)
  })

  it('covers at least 95 %, and the next narrower pair would not', () => {
    for (const n of [6, 7, 13, 50, 137, 500, 1_100, 3_001]) {
      const ranks = medianRanks(n)

      if (ranks == null) {
        throw new Error(`no ranks for ${n}`)
      }

      expect(ranks.coverage).toBeCloseTo(exactCoverage(n, ranks.low, ranks.high), 10)
      expect(ranks.coverage).toBeGreaterThanOrEqual(0.95)
      expect(exactCoverage(n, ranks.low + 1, ranks.high - 1)).toBeLessThan(0.95)
    }
  })

  it('contains the median, ignores order and follows scale', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 6, maxLength: 80 }), fc.constantFrom(2, 0.5, 1024), (values, factor) => {
      const interval = medianInterval(values)

      if (interval == null) {
        throw new Error('no interval')
      }

      expect(interval.low).toBeLessThanOrEqual(interval.median)
      expect(interval.high).toBeGreaterThanOrEqual(interval.median)
      expect(medianInterval(values.toReversed())).toEqual(interval)
      expect(medianInterval(values.map(value => value * factor)))
        .toEqual({ ...interval, median: interval.median * factor, low: interval.low * factor, high: interval.high * factor })
    }))
  })

  it('shows its farther end', () => {
    expect(halfWidth({ median: 10, low: 9, high: 14 })).toBe(4)
    expect(relativeHalfWidth({ median: 10, low: 9, high: 14 })).toBe(0.4)
    expect(relativeHalfWidth({ median: 0, low: 0, high: 0 })).toBe(0)
  })
})
