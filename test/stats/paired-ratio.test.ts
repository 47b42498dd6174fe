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

  it('needs six pairs, all of them positive', () => {
    expect(pairedRatio([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 0])).toBeUndefined()
    expect(pairedRatio([1, 2, 3, 4, 5, NaN], [1, 2, 3, 4, 5, 6])).toBeUndefined()
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
