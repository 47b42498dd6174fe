import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextRound } from '../../src/measure/plan.ts'
import type { Plan } from '../../src/model/plan.ts'

type Precision = Extract<Plan, { kind: 'precision' }>

const PRECISE: Precision = { kind: 'precision', precision: 0.01, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 }

/** Carries a plan out against a machine on which round i of command c takes `ms(c, i)`. */
function carryOut (plan: Plan, commands: number, ms: (command: number, round: number) => number): { rounds: number, reached?: number } {
  const values: number[][] = Array.from({ length: commands }, () => [])
  let spentMs = 0

  for (let round = 0; ; round++) {
    const next = nextRound(plan, { values, spentMs })

    if (!next.run) {
      return { rounds: round, ...(next.reached == null ? {} : { reached: next.reached }) }
    }

    values.forEach((times, command) => {
      times.push(ms(command, round))
      spentMs += ms(command, round)
    })
  }
}

const same = (): number => 10

describe('plans of comparisons', () => {
  it('have as many rounds as a fixed plan says', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 2, max: 4 }), (runs, commands) => {
      expect(carryOut({ kind: 'fixed', runs, warmup: 0 }, commands, same)).toEqual({ rounds: runs })
    }))
  })

  it('stop at the first look when the ratio is known, after both orders', () => {
    expect(carryOut(PRECISE, 2, same)).toEqual({ rounds: 6 })
    expect(carryOut({ ...PRECISE, minRuns: 9 }, 2, same)).toEqual({ rounds: 10 })
    // Both drift alike: what is compared does not.
    expect(carryOut(PRECISE, 2, (_, round) => 10 + round)).toEqual({ rounds: 6 })
  })

  it('go on while one of several ratios is not known', () => {
    const noisy = (command: number, round: number): number => command === 2 ? 10 * (1 + 0.2 * Math.sin(round * 7)) : 10
    const { rounds, reached } = carryOut({ ...PRECISE, maxRuns: 40 }, 3, noisy)

    expect(rounds).toBe(40)
    expect(reached).toBeGreaterThan(0.01)
  })

  it('spend the budget of each command, all together', () => {
    const noisy = (command: number, round: number): number => 100 * (1 + 0.3 * Math.sin((round + 1) * (command + 2) * 3))
    const { rounds } = carryOut({ ...PRECISE, budgetMs: 2_000 }, 3, noisy)

    expect(rounds).toBeGreaterThan(15)
    expect(rounds).toBeLessThan(26)
  })

  it('do not know which one is faster: the same noise stops at the same round whatever the ratio is', () => {
    const noise = (command: number, round: number): number => 1 + 0.02 * Math.sin((round + 1) * (command + 1) * 5)
    const rounds = [0.5, 1, 1.003, 2].map(factor => carryOut({ ...PRECISE, budgetMs: 1e9, maxRuns: 200 }, 2, (command, round) => noise(command, round) * (command === 1 ? factor : 1)).rounds)

    expect(new Set(rounds).size).toBe(1)
  })

  it('never come to a precision without a value', () => {
    expect(carryOut({ ...PRECISE, maxRuns: 20 }, 2, () => NaN)).toEqual({ rounds: 20 })
  })
})
