import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mannWhitney } from '../../src/stats/mann-whitney.ts'
import { signedRankInterval, signedRankP, signedRanks } from '../../src/stats/signed-rank.ts'
import { spearman } from '../../src/stats/spearman.ts'
import { hodgesLehmann } from '../../src/stats/walsh.ts'

interface SignedRank { differences: number[], above: number, below: number }

/** Written by reference/make-rank-tests.py. */
const reference = JSON.parse(readFileSync(new URL('reference/rank-tests.json', import.meta.url), 'utf8')) as {
  signedRank: SignedRank[]
  signedRankOfMany: SignedRank[]
  hodgesLehmann: Array<{ values: number[], estimate: number }>
  mannWhitney: Array<{ first: number[], second: number[], u: number, p: number }>
  spearman: Array<{ values: number[], rho: number, p: number }>
}

const few = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 10 })

describe('the signed-rank test', () => {
  it('says what SciPy says', () => {
    for (const { differences, above, below } of reference.signedRank) {
      const ranks = signedRanks(differences, 1)

      expect(signedRankP(ranks, 0, 'above')).toBeCloseTo(above, 12)
      expect(signedRankP(ranks, 0, 'below')).toBeCloseTo(below, 12)
    }

    for (const { differences, above } of reference.signedRankOfMany) {
      expect(signedRankP(signedRanks(differences, 1), 0, 'above') / above).toBeCloseTo(1, 9)
    }
  })

  it('counts every way of turning the signs of blocks, with ties and zeros', () => {
    fc.assert(fc.property(few, fc.integer({ min: 1, max: 3 }), (differences, blockSize) => {
      const sum = (turned: number): number => signedRankSum(differences.map((value, i) => turned >> Math.floor(i / blockSize) & 1 ? -value : value))
      const all = 2 ** Math.ceil(differences.length / blockSize)
      const ways = Array.from({ length: all }, (_, turned) => sum(turned))
      const ranks = signedRanks(differences, blockSize)

      expect(signedRankP(ranks, 0, 'above')).toBeCloseTo(ways.filter(way => way >= sum(0)).length / all, 12)
      expect(signedRankP(ranks, 0, 'below')).toBeCloseTo(ways.filter(way => way <= sum(0)).length / all, 12)
    }))
  })

  it('keeps in its interval what it does not reject, and rejects what is outside', () => {
    const { differences } = reference.signedRank.at(-1) as SignedRank
    const ranks = signedRanks(differences, 2)
    const { low, high } = signedRankInterval(ranks, hodgesLehmann(ranks.sorted), 0.025)
    const hair = (high - low) * 1e-5

    expect(signedRankP(ranks, low - hair, 'above')).toBeLessThanOrEqual(0.025)
    expect(signedRankP(ranks, low + hair, 'above')).toBeGreaterThan(0.025)
    expect(signedRankP(ranks, high + hair, 'below')).toBeLessThanOrEqual(0.025)
    expect(signedRankP(ranks, high - hair, 'below')).toBeGreaterThan(0.025)
  })

  it('has no interval where it can reject nothing', () => {
    expect(signedRankInterval(signedRanks([1, 2, 3, 4, 5], 1), 3, 0.025)).toEqual({ low: -Infinity, high: Infinity })
    expect(signedRankInterval(signedRanks([1, 2, 3, 4, 5, 6], 1), 3.5, 0.025)).toEqual({ low: 1, high: 6 })
  })
})

describe('the Hodges-Lehmann estimate', () => {
  it('is the median of the Walsh averages', () => {
    for (const { values, estimate } of reference.hodgesLehmann) {
      expect(hodgesLehmann(Float64Array.from(values).sort())).toBeCloseTo(estimate, 14)
    }
  })
})

describe('the Mann-Whitney test', () => {
  it('says what SciPy says, counted out and approximated, with and without ties', () => {
    for (const { first, second, u, p } of reference.mannWhitney) {
      const found = mannWhitney(first, second)

      expect(found?.u).toBe(u)
      expect((found?.p ?? NaN) / p).toBeCloseTo(1, 9)
      expect(found?.smaller).toBeCloseTo(u / first.length / second.length, 12)
    }
  })

  /** From the tests of tools/gbench/report.py of Google Benchmark (Apache-2.0): BM_Two, short, BM_ManyRepetitions. */
  it.each([
    [[9, 8], [10, 7], 1],
    [[90, 86], [89, 72], 0.6666666666666666],
    [[8, 8], [7, 4.54, 800], 0.7670968684102772],
    [[80, 77], [75, 66.6, 1], 0.2],
    [Array<number>(1000).fill(1), Array<number>(1000).fill(1000), 0]
  ])('agrees with Google Benchmark (%#)', (first, second, p) => {
    expect(mannWhitney(first, second)?.p).toBeCloseTo(p, 14)
  })

  it('says the opposite the other way round', () => {
    fc.assert(fc.property(few, few, (first, second) => {
      const there = mannWhitney(first, second)
      const back = mannWhitney(second, first)

      expect(back?.p).toBeCloseTo(there?.p ?? NaN, 12)
      expect(back?.smaller).toBeCloseTo(1 - (there?.smaller ?? NaN), 12)
    }))
  })

  it('says nothing of nothing, and finds no difference where all is equal', () => {
    expect(mannWhitney([], [1])).toBeUndefined()
    expect(mannWhitney([1], [NaN])).toBeUndefined()
    expect(mannWhitney([2, 2, 2], [2, 2])).toEqual({ u: 3, p: 1, smaller: 0.5 })
  })
})

describe('the rank correlation with the order', () => {
  it('is what SciPy says', () => {
    for (const { values, rho, p } of reference.spearman) {
      const found = spearman(values)

      expect(found?.rho).toBeCloseTo(rho, 12)
      expect(found?.p).toBeCloseTo(p, 10)
    }
  })

  it('is 1 for whatever grows and -1 for whatever falls', () => {
    expect(spearman([1, 2, 4, 8, 16, 17])).toEqual({ rho: 1, p: 0 })
    expect(spearman([3, 2, 1])).toEqual({ rho: -1, p: 0 })
    expect(spearman([5, 5, 5])).toEqual({ rho: 0, p: 1 })
    expect(spearman([5, 6])).toBeUndefined()
  })
})

/** As the textbook has it: the ranks of the absolute values, with the signs of the values. */
function signedRankSum (values: readonly number[]): number {
  return values.reduce((sum, value) => {
    const smaller = values.filter(other => Math.abs(other) < Math.abs(value)).length
    const equal = values.filter(other => Math.abs(other) === Math.abs(value)).length

    return sum + Math.sign(value) * (smaller + (equal + 1) / 2)
  }, 0)
}
