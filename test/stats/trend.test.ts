import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { relativeTrend } from '../../src/stats/trend.ts'

const line = (n: number, from: number, to: number): number[] => Array.from({ length: n }, (_, i) => from + (to - from) * i / (n - 1))

describe('the trend of a series', () => {
  it('is what a straight line rises, whatever its length', () => {
    fc.assert(fc.property(fc.integer({ min: 3, max: 50 }), fc.double({ min: 1, max: 100, noNaN: true }), fc.double({ min: 1, max: 100, noNaN: true }), (n, from, to) => {
      expect(relativeTrend(line(n, from, to))).toBeCloseTo((to - from) / ((from + to) / 2), 9)
    }))
  })

  it('is none where nothing changes, and not bent by an outlier', () => {
    expect(relativeTrend([5, 5, 5, 5])).toBe(0)
    expect(relativeTrend([...line(29, 90, 110), 100_000])).toBeCloseTo(relativeTrend([...line(29, 90, 110), 110])!, 9)
    expect(relativeTrend(line(30, 110, 90))).toBeCloseTo(-0.2, 9)
  })

  it('is unknown of two values, and of none that could be a hundred per cent', () => {
    expect(relativeTrend([1, 2])).toBeUndefined()
    expect(relativeTrend([0, 0, 0])).toBeUndefined()
  })
})
