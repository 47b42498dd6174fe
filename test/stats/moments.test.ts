import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { medianAbsoluteDeviation } from '../../src/stats/mad.ts'
import { mean, standardDeviation } from '../../src/stats/moments.ts'

const values = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 40 })

describe('means and spreads', () => {
  it('agree with values computed by hand', () => {
    expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5)
    // Squared deviations sum up to 32, over 7.
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12)
    expect(medianAbsoluteDeviation([1, 1, 2, 2, 4, 6, 9])).toBe(1)
  })

  it('have no standard deviation below two values', () => {
    expect(standardDeviation([3])).toBeUndefined()
    expect(mean([])).toBeNaN()
  })

  it('keep small deviations on a large base', () => {
    expect(standardDeviation([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])).toBeCloseTo(Math.sqrt(30), 12)
    expect(mean([1e16, 1, -1e16])).toBeCloseTo(1 / 3, 12)
  })

  it('ignore order, follow scale, and only the means follow a shift', () => {
    fc.assert(fc.property(values, fc.constantFrom(2, 4, 0.25), fc.integer({ min: 1, max: 1_000 }), (list, factor, shift) => {
      const scaled = list.map(value => value * factor)
      const shifted = list.map(value => value + shift)

      expect(mean(list.toReversed())).toBeCloseTo(mean(list), 6)
      expect(mean(scaled)).toBeCloseTo(mean(list) * factor, 6)
      expect(mean(shifted)).toBeCloseTo(mean(list) + shift, 6)
      expect(standardDeviation(shifted)).toBeCloseTo(standardDeviation(list) ?? NaN, 6)
      expect(medianAbsoluteDeviation(shifted)).toBe(medianAbsoluteDeviation(list))
      expect(medianAbsoluteDeviation(scaled)).toBe(medianAbsoluteDeviation(list) * factor)
    }))
  })
})
