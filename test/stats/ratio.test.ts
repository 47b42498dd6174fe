import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { medianInterval } from '../../src/stats/median-interval.ts'
import { ratioOfMedians } from '../../src/stats/ratio.ts'
import type { MedianInterval } from '../../src/stats/median-interval.ts'

const interval = (low: number, median: number, high: number): MedianInterval => ({ low, median, high, coverage: 0.95 })

describe('the ratio of two medians', () => {
  it('takes over the interval of the one when the other is exact', () => {
    const { ratio, low, high } = ratioOfMedians(interval(9, 10, 12), interval(5, 5, 5))

    expect(ratio).toBe(2)
    expect(low).toBeCloseTo(9 / 5, 12)
    expect(high).toBeCloseTo(12 / 5, 12)
  })

  it('adds the sides in squares on the log scale', () => {
    // Sides of ln 2 on all hands: the joint ones are sqrt(2) ln 2.
    const { low, high } = ratioOfMedians(interval(5, 10, 20), interval(2, 4, 8))

    expect(low).toBeCloseTo(2.5 / 2 ** Math.SQRT2, 12)
    expect(high).toBeCloseTo(2.5 * 2 ** Math.SQRT2, 12)
  })

  it('says anything is possible when an interval reaches zero', () => {
    expect(ratioOfMedians(interval(-1, 10, 20), interval(2, 4, 8)).low).toBe(0)
  })

  const list = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 6, maxLength: 30 })

  it('turns upside down with its arguments and ignores a common unit', () => {
    fc.assert(fc.property(list, list, (a, b) => {
      const [one, other] = [medianInterval(a), medianInterval(b)]

      if (one == null || other == null) {
        throw new Error('no interval')
      }

      const there = ratioOfMedians(one, other)
      const back = ratioOfMedians(other, one)

      expect(back.ratio * there.ratio).toBeCloseTo(1, 10)
      expect(back.low * there.high).toBeCloseTo(1, 10)

      const scaled = ratioOfMedians(
        { ...one, median: one.median * 8, low: one.low * 8, high: one.high * 8 },
        { ...other, median: other.median * 8, low: other.low * 8, high: other.high * 8 }
      )

      expect(scaled).toEqual(there)
    }))
  })
})
