import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changePoints, MIN_FOR_CHANGES } from '../../src/stats/change-points.ts'
import { randomFrom } from '../../src/stats/random.ts'

/** Around a level, a few percent up and down. */
function noise (seed: number, count: number, level: number): number[] {
  const random = randomFrom([seed])

  return Array.from({ length: count }, () => level * (1 + (random() + random() + random() - 1.5) * 0.02))
}

const places = (series: readonly number[]): number[] => changePoints(series).map(({ at }) => at)

describe('where a series changes', () => {
  it('is where its level steps, up and down again', () => {
    expect(places([...noise(1, 12, 100), ...noise(2, 15, 110), ...noise(3, 12, 100)])).toEqual([12, 27])
  })

  it('is found from the fewest values on that can tell', () => {
    const few = [...noise(1, 5, 100), ...noise(2, 5, 200)]

    expect(few).toHaveLength(MIN_FOR_CHANGES)
    expect(places(few)).toEqual([5])
    expect(places(few.slice(1))).toEqual([])
    expect(places([])).toEqual([])
  })

  it('is not where one value, or two, are far from all others', () => {
    const series = noise(4, 30, 100)

    series[9] = 900
    series[20] = 700

    expect(places(series)).toEqual([])
  })

  it('is nowhere when all are equal', () => {
    expect(places(new Array<number>(40).fill(7))).toEqual([])
  })

  it('is seldom where there is only noise', () => {
    const series = Array.from({ length: 200 }, (_, seed) => noise(seed + 100, 25, 100))

    // by the level one in a hundred; more than seven of two hundred would come by chance once in a thousand times
    expect(series.filter(one => changePoints(one).length > 0).length).toBeLessThanOrEqual(7)
  })

  it('keeps to the bounds, whatever comes, and says the same again', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { maxLength: 40 }), series => {
      const found = changePoints(series, { shuffles: 99 })
      const edges = [0, ...found.map(({ at }) => at), series.length]

      expect(found.every(({ pValue }) => pValue > 0 && pValue <= 0.01)).toBe(true)
      expect(found.length === 0 || edges.slice(1).every((edge, at) => edge - edges[at]! >= 3)).toBe(true)
      expect(changePoints(series, { shuffles: 99 })).toEqual(found)
    }), { numRuns: 50 })
  })

  it('does not depend on the unit', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 10, maxLength: 30 }), fc.constantFrom(0.001, 7, 1e9), (series, factor) => {
      expect(changePoints(series.map(value => value * factor), { shuffles: 99 })).toEqual(changePoints(series, { shuffles: 99 }))
    }), { numRuns: 50 })
  })

  it('is found where a clear step is, wherever that is', () => {
    fc.assert(fc.property(fc.integer({ min: 6, max: 20 }), fc.integer({ min: 6, max: 20 }), fc.constantFrom(0.5, 2), fc.nat(10_000), (before, after, factor, seed) => {
      expect(places([...noise(seed, before, 100), ...noise(seed + 1, after, 100 * factor)])).toContain(before)
    }), { numRuns: 30 })
  })
})
