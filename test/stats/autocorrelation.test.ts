import { describe, expect, it } from 'vitest'
import { medianIntervalOfSeries, signAutocorrelation } from '../../src/stats/autocorrelation.ts'
import { medianInterval } from '../../src/stats/median-interval.ts'

const drifting = Array.from({ length: 20 }, (_, i) => 100 + i)
const alternating = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? 90 : 110)

describe('runs that resemble their neighbours', () => {
  it('are recognised by the signs of their deviations', () => {
    // Ten below, ten above: 18 equal neighbours and one change, over 20.
    expect(signAutocorrelation(drifting)).toBeCloseTo(17 / 20)
    expect(signAutocorrelation(alternating)).toBeCloseTo(-19 / 20)
    expect(signAutocorrelation([5, 5, 5])).toBe(0)
  })

  it('widen the interval by the variance inflation of their correlation', () => {
    const plain = medianInterval(drifting)
    const widened = medianIntervalOfSeries(drifting)

    if (plain == null || widened == null) {
      throw new Error('no interval')
    }

    const factor = Math.sqrt(1.85 / 0.15)

    expect(widened.median).toBe(plain.median)
    expect(widened.high - widened.median).toBeCloseTo((plain.high - plain.median) * factor)
    expect(widened.median - widened.low).toBeCloseTo((plain.median - plain.low) * factor)
  })

  it('leave the interval alone when they do not', () => {
    expect(medianIntervalOfSeries(alternating)).toEqual(medianInterval(alternating))
    expect(medianIntervalOfSeries([3, 1, 4, 1, 5, 9, 2, 6])).toEqual(medianInterval([3, 1, 4, 1, 5, 9, 2, 6]))
    expect(medianIntervalOfSeries([1, 2, 3])).toBeUndefined()
  })
})
