import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalCdf, normalQuantile, studentCdf, studentQuantile } from '../../src/stats/distributions.ts'

/** Written by reference/make-distributions.py. */
const reference = JSON.parse(readFileSync(new URL('reference/distributions.json', import.meta.url), 'utf8')) as {
  normal: Record<'cdf' | 'quantile', Array<[number, number]>>
  student: Record<'cdf' | 'quantile', Array<[number, number, number]>>
}

function expectClose (value: number, expected: number, what: string): void {
  expect(Math.abs(value - expected), `${what}: ${value}, SciPy ${expected}`).toBeLessThanOrEqual(1e-11 * Math.abs(expected))
}

describe('the normal distribution', () => {
  it('says what SciPy says, in the far tails too', () => {
    for (const [z, p] of reference.normal.cdf) {
      expectClose(normalCdf(z), p, `normalCdf(${z})`)
    }

    for (const [p, z] of reference.normal.quantile) {
      expectClose(normalQuantile(p), z, `normalQuantile(${p})`)
    }
  })

  it('has its quantile and its cumulative function undo each other', () => {
    fc.assert(fc.property(fc.double({ min: 1e-300, max: 1 - 1e-9, noNaN: true }), p => {
      expect(normalCdf(normalQuantile(p)) / p).toBeCloseTo(1, 9)
    }))
  })

  it('reaches from minus to plus infinity', () => {
    expect([0, 0.5, 1].map(normalQuantile)).toEqual([-Infinity, 0, Infinity])
    expect([-Infinity, 0, Infinity].map(normalCdf)).toEqual([0, 0.5, 1])
  })

  it('refuses what is no probability', () => {
    expect(() => normalQuantile(1.01)).toThrow('1.01')
    expect(() => normalQuantile(NaN)).toThrow('NaN')
  })
})

describe('Student\'s t', () => {
  it('says what SciPy says, with fractions of degrees of freedom too', () => {
    for (const [t, freedom, p] of reference.student.cdf) {
      expectClose(studentCdf(t, freedom), p, `studentCdf(${t}, ${freedom})`)
    }

    for (const [p, freedom, t] of reference.student.quantile) {
      expectClose(studentQuantile(p, freedom), t, `studentQuantile(${p}, ${freedom})`)
    }
  })

  it('is Cauchy\'s distribution with one degree of freedom and the normal one with infinitely many', () => {
    expect(studentQuantile(0.975, 1)).toBeCloseTo(Math.tan(Math.PI * 0.475), 10)
    expect(studentQuantile(0.975, Infinity)).toBe(normalQuantile(0.975))
    expect(studentQuantile(0.975, 1e12)).toBeCloseTo(normalQuantile(0.975), 10)
  })

  it('has its quantile and its cumulative function undo each other', () => {
    fc.assert(fc.property(
      fc.double({ min: 1e-12, max: 1 - 1e-9, noNaN: true }),
      fc.double({ min: 0.5, max: 1e9, noNaN: true }),
      (p, freedom) => { expect(studentCdf(studentQuantile(p, freedom), freedom) / p).toBeCloseTo(1, 8) }
    ))
  })

  it('reaches from minus to plus infinity', () => {
    expect([0, 0.5, 1].map(p => studentQuantile(p, 7))).toEqual([-Infinity, 0, Infinity])
    expect([-Infinity, 0, Infinity].map(t => studentCdf(t, 7))).toEqual([0, 0.5, 1])
  })

  it('refuses degrees of freedom that are not above 0', () => {
    expect(() => studentQuantile(0.5, 0)).toThrow('0 degrees of freedom')
    expect(() => studentCdf(1, -2)).toThrow('-2 degrees of freedom')
  })
})
