import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holm } from '../../src/stats/holm.ts'

const probabilities = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 })

describe("Holm's correction", () => {
  it('multiplies the smallest by their number, the next by one less', () => {
    // By hand, and what R's p.adjust says of them: 0.03 stays behind 0.06.
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02])
    expect(holm([0.6, 0.9])).toEqual([1, 1])
    expect(holm([0.04])).toEqual([0.04])
    expect(holm([])).toEqual([])
  })

  it('keeps their order, and lies between none and that of Bonferroni', () => {
    fc.assert(fc.property(probabilities, pValues => {
      const adjusted = holm(pValues)

      for (const [i, p] of pValues.entries()) {
        expect(adjusted[i]).toBeGreaterThanOrEqual(p)
        expect(adjusted[i]).toBeLessThanOrEqual(Math.min(1, p * pValues.length))

        for (const [j, other] of pValues.entries()) {
          if (p < other) {
            expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j] as number)
          }
        }
      }
    }))
  })
})
