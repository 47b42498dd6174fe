import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, quantile } from '../../src/stats/quantile.ts'

const values = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { minLength: 1, maxLength: 50 })

describe('quantiles', () => {
  it('interpolate between neighbours as definition 7 says', () => {
    // R: quantile(c(1, 2, 4, 8, 16), c(0, .05, .25, .5, .9, 1))
    expect([0, 0.05, 0.25, 0.5, 0.9, 1].map(p => quantile([8, 1, 16, 4, 2], p))).toEqual([1, 1.2, 2, 4, 12.8, 16])
  })

  it('give the middle value or the mean of the two middle ones as the median', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
    expect(median([])).toBeNaN()
  })

  it('sort numbers as numbers', () => {
    expect(median([10, 9, 100])).toBe(10)
  })

  it('refuse what is no proportion', () => {
    expect(() => quantile([1], 1.5)).toThrow(RangeError)
  })

  it('do not depend on the order and grow with p', () => {
    fc.assert(fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (list, p, q) => {
      expect(quantile(list.toReversed(), p)).toBe(quantile(list, p))
      expect(quantile(list, Math.min(p, q))).toBeLessThanOrEqual(quantile(list, Math.max(p, q)) + 1e-6)
    }))
  })

  it('leave their input as it was', () => {
    const list = [3, 1, 2]

    median(list)
    expect(list).toEqual([3, 1, 2])
  })
})
