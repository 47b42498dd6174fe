import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalsFor, decimalsOfDigits } from '../../src/stats/digits.ts'

describe('digits that a value deserves', () => {
  it.each([
    [0.4, 1], [0.6, 1], [2.9, 1], [0.29, 2], [0.08, 2], [0.0123, 3], [0.36, 1], [0.97, 1], [3.6, 0], [12, 0], [678, 0], [0, 0], [Infinity, 0], [NaN, 0]
  ])('with an uncertainty of %d are %i decimals', (uncertainty, decimals) => {
    expect(decimalsFor(uncertainty)).toBe(decimals)
  })

  it('change the uncertainty by rounding at most by some 15 %', () => {
    fc.assert(fc.property(fc.double({ min: 1e-6, max: 9, noNaN: true }), uncertainty => {
      const shown = Number(uncertainty.toFixed(decimalsFor(uncertainty)))

      expect(Math.abs(shown - uncertainty) / uncertainty).toBeLessThan(0.15)
    }))
  })

  it('are as many as asked for when there is no uncertainty', () => {
    expect(decimalsOfDigits(41.234, 3)).toBe(1)
    expect(decimalsOfDigits(0.01234, 3)).toBe(4)
    expect(decimalsOfDigits(1234, 3)).toBe(0)
    expect(decimalsOfDigits(0, 3)).toBe(0)
  })
})
