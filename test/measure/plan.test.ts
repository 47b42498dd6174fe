import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCheckpoint, nextRun } from '../../src/measure/plan.ts'
import type { Plan } from '../../src/model/plan.ts'

type Precision = Extract<Plan, { kind: 'precision' }>

const PRECISE: Precision = { kind: 'precision', precision: 0.01, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 }

/** Carries a plan out against a machine whose runs take what `wallMs` says. */
function carryOut (plan: Plan, wallMs: (run: number) => number): { runs: number, reached?: number } {
  const wallNs: number[] = []
  let spentMs = 0

  for (;;) {
    const next = nextRun(plan, { wallNs, spentMs })

    if (!next.run) {
      return { runs: wallNs.length, ...('reached' in next ? { reached: next.reached } : {}) }
    }

    const ms = wallMs(wallNs.length)
    wallNs.push(ms * 1e6)
    spentMs += ms
  }
}

describe('sampling plans', () => {
  it('runs once without measuring a second time', () => {
    expect(carryOut({ kind: 'once' }, () => 5)).toEqual({ runs: 1 })
  })

  it('runs exactly as often as a fixed plan says, whatever the times are', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (runs, ms) => {
      expect(carryOut({ kind: 'fixed', runs, warmup: 0 }, run => ms * (run + 1))).toEqual({ runs })
    }), { numRuns: 50 })
  })

  it('stops at the first look when every run takes the same', () => {
    expect(carryOut(PRECISE, () => 10)).toEqual({ runs: 6 })
    expect(carryOut({ ...PRECISE, minRuns: 10 }, () => 10)).toEqual({ runs: 10 })
  })

  it('looks at the interval only at growing sizes', () => {
    const sizes = (minRuns: number): number[] => Array.from({ length: 50 }, (_, i) => i).filter(runs => isCheckpoint(runs, minRuns))

    expect(sizes(1)).toEqual([6, 8, 11, 15, 20, 27, 36, 48])
    expect(sizes(10)).toEqual([10, 14, 19, 26, 35, 47])
  })

  it('does not stop between two looks even when the interval is narrow there', () => {
    const seven = [10, 10, 10, 10, 10, 10, 10]

    expect(nextRun(PRECISE, { wallNs: seven, spentMs: 70 })).toEqual({ run: true })
    expect(nextRun(PRECISE, { wallNs: seven.slice(1), spentMs: 60 })).toEqual({ run: false })
  })

  it('says how far it got when the budget ends first', () => {
    // Six runs of 90 and 110 ms: the interval is the whole range, 100 ± 10.
    expect(carryOut({ ...PRECISE, budgetMs: 600 }, run => run % 2 === 0 ? 90 : 110)).toEqual({ runs: 6, reached: 0.1 })
  })

  it('says nothing of precision below six runs', () => {
    expect(carryOut({ ...PRECISE, budgetMs: 500 }, run => 90 + run * 10)).toEqual({ runs: 5 })
  })

  it('runs once even when one run eats the whole budget', () => {
    expect(carryOut(PRECISE, () => 60_000)).toEqual({ runs: 1 })
    expect(carryOut({ ...PRECISE, budgetMs: 0 }, () => 1)).toEqual({ runs: 1 })
  })

  it('lets the minimum number of runs win over the budget', () => {
    expect(carryOut({ ...PRECISE, minRuns: 3 }, () => 60_000)).toEqual({ runs: 3 })
  })

  it('always ends, within its bounds, and is honest about the precision', () => {
    fc.assert(fc.property(
      fc.array(fc.double({ min: 0.01, max: 500, noNaN: true }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 20, max: 100 }),
      fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      fc.integer({ min: 0, max: 3_000 }),
      (times, minRuns, maxRuns, precision, budgetMs) => {
        const wall = (run: number): number => times[run % times.length] ?? 1
        const plan: Plan = { kind: 'precision', precision, budgetMs, minRuns, maxRuns, warmup: 0 }
        const { runs, reached } = carryOut(plan, wall)
        let before = 0

        for (let run = 0; run < runs - 1; run++) {
          before += wall(run)
        }

        expect(runs).toBeGreaterThanOrEqual(minRuns)
        expect(runs).toBeLessThanOrEqual(maxRuns)
        // The last run was begun with budget left, or because the minimum asked for it.
        expect(before < budgetMs || runs <= minRuns).toBe(true)

        if (reached != null) {
          expect(runs).toBeGreaterThanOrEqual(6)
          expect(reached).toBeGreaterThan(precision)
        }
      }
    ), { numRuns: 200 })
  })

  it('gives the same answer in another unit of time', () => {
    fc.assert(fc.property(
      fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 6, maxLength: 60 }),
      fc.constantFrom(2, 8, 1024),
      (wallNs, factor) => {
        const scaled = wallNs.map(ns => ns * factor)

        expect(nextRun(PRECISE, { wallNs: scaled, spentMs: 1 })).toEqual(nextRun(PRECISE, { wallNs, spentMs: 1 }))
      }
    ))
  })
})
