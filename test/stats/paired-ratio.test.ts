import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pairedPValue, pairedRatio } from '../../src/stats/paired-ratio.ts'

const reference = Array.from({ length: 30 }, (_, i) => 100 + i * 7919 % 31)

describe('the ratio of paired values', () => {
  it('is exact where every pair has the same one', () => {
    const found = pairedRatio(reference, reference.map(value => value * 1.25))

    expect(found).toMatchObject({ pairs: 30, smaller: 0 })
    expect(found?.ratio).toBeCloseTo(1.25, 12)
    expect(found?.low).toBeCloseTo(1.25, 12)
    expect(found?.high).toBeCloseTo(1.25, 12)
    expect(pairedRatio(reference, reference)).toEqual({ ratio: 1, low: 1, high: 1, pairs: 30, smaller: 0.5 })
  })

  it('is not disturbed by drift, which pairs in opposite order see from opposite sides', () => {
    // A B, B A, A B, …: each run 1 % slower than the one before.
    const run = (i: number): number => 1.01 ** i
    const a = Array.from({ length: 30 }, (_, i) => run(2 * i + i % 2))
    const b = Array.from({ length: 30 }, (_, i) => run(2 * i + 1 - i % 2))
    const found = pairedRatio(a, b)

    expect(found?.ratio).toBeCloseTo(1, 12)
    expect(found?.high).toBeLessThan(1.000001)
    expect(found?.low).toBeGreaterThan(0.999999)
  })

  it('turns round when the two are exchanged, and knows no units', () => {
    const value = fc.integer({ min: 1, max: 1_000 })

    fc.assert(fc.property(fc.array(fc.tuple(value, value), { minLength: 6, maxLength: 40 }), fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (pairs, unit) => {
      const a = pairs.map(([first]) => first)
      const b = pairs.map(([, second]) => second)
      const there = pairedRatio(a, b)
      const back = pairedRatio(b, a)
      const scaled = pairedRatio(a.map(value => value * unit), b.map(value => value * unit))

      if (there == null || back == null || scaled == null) {
        throw new Error('no ratio')
      }

      expect(there.low).toBeLessThanOrEqual(there.ratio * (1 + 1e-12))
      expect(there.high).toBeGreaterThanOrEqual(there.ratio * (1 - 1e-12))
      expect(back.ratio * there.ratio).toBeCloseTo(1, 9)
      expect(back.low * there.high).toBeCloseTo(1, 4)
      expect(back.smaller).toBeCloseTo(1 - there.smaller, 12)
      expect(scaled.ratio / there.ratio).toBeCloseTo(1, 9)
    }))
  })

  it('has an interval that agrees with the p-value about its ends', () => {
    for (const n of [6, 15, 16, 30, 31, 60]) {
      const a = Array.from({ length: n }, (_, i) => 100 + i * 7919 % 31)
      const b = a.map((value, i) => value * (1.02 + 0.03 * Math.sin(i * i)))
      const { low, high } = pairedRatio(a, b) ?? { low: NaN, high: NaN }

      expect(pairedPValue(a, b, low * 0.9999 - 1)).toBeLessThanOrEqual(0.025)
      expect(pairedPValue(a, b, low * 1.0001 - 1)).toBeGreaterThan(0.025)
      expect(pairedPValue(b, a, 0.9999 / high - 1)).toBeLessThanOrEqual(0.025)
      expect(pairedPValue(b, a, 1.0001 / high - 1)).toBeGreaterThan(0.025)
    }
  })

  it('is found of many thousand pairs', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => 1_000 + i * 7919 % 997)
    const found = pairedRatio(many, many.toReversed().map(value => value * 1.1))

    expect(found?.ratio).toBeCloseTo(1.1, 2)
    expect(found?.low).toBeGreaterThan(1.08)
    expect(found?.high).toBeLessThan(1.12)
  })

  it('needs six pairs, all of them positive', () => {
    expect(pairedRatio([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 0])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, NaN], [1, 2, 3, 4, 5, 6])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, Infinity])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])).toBeDefined()
  })

  it('is evidence only against thresholds below it', () => {
    const slower = reference.map(value => value * 1.05)

    expect(pairedPValue(reference, slower, 0.04)).toBe(2 ** -15)
    expect(pairedPValue(reference, slower, 0.06)).toBe(1)
    expect(pairedPValue(reference, reference, 0)).toBe(1)
    expect(pairedPValue([], [], 0)).toBe(1)
  })
})
