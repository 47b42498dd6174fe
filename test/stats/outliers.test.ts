import { describe, expect, it } from 'vitest'
import { lagCorrelation } from '../../src/stats/lag-correlation.ts'
import { outlierPlaces } from '../../src/stats/outliers.ts'

const normal = [2.33269488, 1.42195907, -0.57527698, -0.31293437, 2.2948158, 0.75813273, -1.0712388, -0.96394741, -1.15897446, 1.10976285]

describe('outliers', () => {
  /** From src/outlier_detection.rs of hyperfine (MIT OR Apache-2.0). */
  it.each([
    [[], 0],
    [[50], 0],
    [[1000, 0], 0],
    [[-0.2, 0, 0.2], 0],
    [[-0.2, 0, 0.2, 4], 1],
    [[0.5, 0.3, 0.29, 0.31, 0.3], 1],
    [normal, 0],
    [[...normal, 20, -500], 2],
    [[10, 10, 10, 10, 10, 10, 10, 100], 1],
    [[10, 10, 10, 10, 10, 10, 10, 100, 100], 2]
  ])('are those that hyperfine counts (%#)', (values, count) => {
    expect(outlierPlaces(values)).toHaveLength(count)
  })
})

describe('the places of outliers', () => {
  it('are counted from 0, in their order', () => {
    expect(outlierPlaces([90, 10, 11, 9, 10, 12, -70])).toEqual([0, 6])
  })
})

describe('the correlation with the value before', () => {
  it('is that of the products of neighbouring deviations', () => {
    // Deviations -1.5, -0.5, 0.5, 1.5: (0.75 - 0.25 + 0.75) / 5.
    expect(lagCorrelation([1, 2, 3, 4])).toBeCloseTo(0.25, 14)
    expect(lagCorrelation([1, -1, 1, -1])).toBeCloseTo(-0.75, 14)
    expect(lagCorrelation([7, 7, 7])).toBe(0)
    expect(lagCorrelation([1, 2])).toBeUndefined()
  })
})
