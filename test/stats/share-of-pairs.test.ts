import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shareOfPairs } from '../../src/stats/share-of-pairs.ts'

const values = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 30 })

describe('the share of pairs in which one side is smaller', () => {
  it('is what counting every pair gives', () => {
    fc.assert(fc.property(values, values, (reference, contender) => {
      const pairs = reference.flatMap(a => contender.map(b => b < a ? 1 : b === a ? 0.5 : 0))

      expect(shareOfPairs(reference, contender)).toBeCloseTo(pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length, 12)
    }))
  })

  it('is a half for equal values, and there is none of nothing', () => {
    expect(shareOfPairs([3, 3], [3])).toBe(0.5)
    expect(shareOfPairs([2, 3], [1])).toBe(1)
    expect(shareOfPairs([], [1])).toBeNaN()
  })
})
