import { describe, expect, it } from 'vitest'
import { compareFleet } from '../../src/measure/fleet-comparison.ts'
import { Random } from '../../bench/lib/random.js'
import { pairedRatio } from '../../src/stats/paired-ratio.ts'
import type { ComparedMachine } from '../../src/measure/fleet-comparison.ts'

const MARGIN = { margin: 0.01 }

/** A machine whose ratio was measured to ± this fraction. */
function machine (name: string, ratio: number, half = 0.005): ComparedMachine {
  return { name, comparison: { ratio: { ratio, low: ratio * Math.exp(-half), high: ratio * Math.exp(half), pairs: 30, smaller: 0.5 } } }
}

function named (...ratios: number[]): string[] {
  return compareFleet(ratios.map((ratio, i) => machine(`m${i}`, ratio)), MARGIN).disagree
}

describe('what is said of a fleet', () => {
  it('is one machine\'s own interval when there is one', () => {
    const ratio = { ratio: 1.05, low: 1.02, high: 1.06, pairs: 30, smaller: 0 }

    expect(compareFleet([{ name: 'one', comparison: { ratio } }], MARGIN)).toEqual({
      these: { ratio: 1.05, low: 1.02, high: 1.06, verdict: 'slower' },
      disagree: []
    })
  })

  it('is nothing when no machine has a ratio', () => {
    expect(compareFleet([{ name: 'one', comparison: {} }], MARGIN)).toEqual({ disagree: [] })
  })

  it('is narrower than what each machine says, and leaves out those without a ratio', () => {
    const { these, like } = compareFleet([machine('a', 1.02), machine('b', 1.03), { name: 'c', comparison: {} }, machine('d', 1.04)], MARGIN)

    expect(these?.ratio).toBeCloseTo((1.02 * 1.03 * 1.04) ** (1 / 3), 12)
    expect((these?.high ?? NaN) / (these?.low ?? NaN)).toBeLessThan(Math.exp(0.01))
    expect(these?.verdict).toBe('slower')
    expect(like).toBeUndefined()
  })

  it('reaches beyond these machines from five on, and is then less sure', () => {
    const { these, like } = compareFleet([1.00, 1.06, 1.01, 1.05, 1.03].map((ratio, i) => machine(`m${i}`, ratio)), MARGIN)

    expect(these?.verdict).toBe('slower')
    expect(like?.verdict).toBe('undecided')
    expect(like?.ratio).toBeCloseTo(these?.ratio ?? NaN, 12)
    expect(like?.predictedLow).toBeLessThan(1)
    expect(like?.tau).toBeGreaterThan(0.02)
  })

  it('is that nothing differs when every machine says so closely enough', () => {
    expect(compareFleet([1, 1.001, 0.999].map((ratio, i) => machine(`m${i}`, ratio, 0.004)), MARGIN).these?.verdict).toBe('equivalent')
  })
})

describe('machines that disagree', () => {
  it('are both of two that differ', () => {
    expect(named(1, 1.2)).toEqual(['m0', 'm1'])
  })

  it('are the one that is far out, and not those it is far from', () => {
    expect(named(1, 1.002, 1.2)).toEqual(['m2'])
    expect(named(1, 1.002, 0.998, 1, 1.001, 0.8)).toEqual(['m5'])
  })

  it('are the smaller part of two that agree among themselves', () => {
    expect(named(1, 1.1, 1, 1.1, 1)).toEqual(['m1', 'm3'])
  })

  it('are all of them when none agrees with most', () => {
    expect(named(1, 1.1, 1.2)).toEqual(['m0', 'm1', 'm2'])
  })

  it('are none when they differ by less than counts, however precisely', () => {
    expect(compareFleet([1, 1, 1.009].map((ratio, i) => machine(`m${i}`, ratio, 0.0001)), MARGIN).disagree).toEqual([])
  })

  it('are none when the noise is as large as the difference', () => {
    expect(compareFleet([1, 1, 1.05].map((ratio, i) => machine(`m${i}`, ratio, 0.05)), MARGIN).disagree).toEqual([])
  })

  it('are told apart where runs do not differ at all', () => {
    expect(compareFleet([1, 1, 1, 1.5].map((ratio, i) => machine(`m${i}`, ratio, 0)), MARGIN).disagree).toEqual(['m3'])
  })

  it('are named by mistake in hardly any of many fleets that agree', () => {
    const random = new Random(2)
    const trials = 300
    // No multiple of six: when they come again, they come in other company.
    const sessions = 601
    const times = (): number[] => Array.from({ length: 30 }, () => Math.exp(0.02 * random.normal()))
    const ratios = Array.from({ length: sessions }, () => pairedRatio(times(), times()))
    let mistakes = 0

    for (let trial = 0; trial < trials; trial++) {
      const fleet = Array.from({ length: 6 }, (_, i) => ({ name: `m${i}`, comparison: { ratio: ratios[(6 * trial + i) % sessions] } }))

      mistakes += compareFleet(fleet, { margin: 0 }).disagree.length > 0 ? 1 : 0
    }

    // At most 5 % are allowed, which 300 trials exceed 7.7 % of with a chance of 1 in 50.
    expect(mistakes / trials).toBeLessThan(0.077)
  })
})
