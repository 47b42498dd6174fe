import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareMachine } from '../../src/measure/comparison.ts'
import { verdictOf } from '../../src/measure/verdict.ts'
import type { Comparison } from '../../src/model/comparison.ts'
import type { Sample } from '../../src/model/sample.ts'

const COMPARISON: Comparison = { metric: 'wall', margin: 0.01, failIfUndecided: false }

const samples = (values: number[], metric: 'wallNs' | 'cpuNs' | 'memoryBytes' = 'wallNs'): Sample[] => values.map((value, run) => ({
  command: 0,
  run,
  startNs: 0,
  wallNs: 1,
  cpuNs: 1,
  userNs: 0,
  systemNs: 0,
  minorFaults: 0,
  majorFaults: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
  exit: { kind: 'code', code: 0 },
  leftovers: 0,
  [metric]: value
}))

const noisy = (around: number, count = 30): number[] => Array.from({ length: count }, (_, i) => around * (1 + 0.002 * Math.sin(i * 2.4)))

describe('the verdict of an interval', () => {
  it.each([
    [0.995, 1.005, 'equivalent'],
    [1.001, 1.009, 'equivalent'],
    [1.001, 1.02, 'slower'],
    [0.9, 0.999, 'faster'],
    [0.98, 1.005, 'undecided'],
    [0.5, 2, 'undecided']
  ])('from %d to %d is %s', (low, high, verdict) => {
    expect(verdictOf({ low, high }, 0.01)).toBe(verdict)
  })

  it('is undecided without one', () => {
    expect(verdictOf(undefined, 0.01)).toBe('undecided')
  })

  it('turns round with the ratio', () => {
    const turned = { faster: 'slower', slower: 'faster', equivalent: 'equivalent', undecided: 'undecided' } as const

    fc.assert(fc.property(fc.double({ min: 0.5, max: 2, noNaN: true }), fc.double({ min: 1, max: 2, noNaN: true }), fc.double({ min: 0.001, max: 0.2, noNaN: true }), (low, width, margin) => {
      const high = low * width
      const near = [low, high, 1 / low, 1 / high].some(end => [1, 1 + margin, 1 / (1 + margin)].some(bound => Math.abs(end - bound) < 1e-9))

      fc.pre(!near)
      expect(verdictOf({ low: 1 / high, high: 1 / low }, margin)).toBe(turned[verdictOf({ low, high }, margin)])
    }))
  })
})

describe('two commands on a machine', () => {
  it('are compared by what was asked for', () => {
    const slower = { ratio: { ratio: expect.closeTo(1.1, 2) as number }, verdict: 'slower' }

    expect(compareMachine(samples(noisy(10)), samples(noisy(11).toReversed()), COMPARISON)).toMatchObject(slower)
    expect(compareMachine(samples(noisy(10), 'cpuNs'), samples(noisy(11).toReversed(), 'cpuNs'), { ...COMPARISON, metric: 'cpu' })).toMatchObject(slower)
    expect(compareMachine(samples(noisy(10), 'memoryBytes'), samples(noisy(11).toReversed(), 'memoryBytes'), { ...COMPARISON, metric: 'memory' })).toMatchObject(slower)
    expect(compareMachine(samples(noisy(10)), samples(noisy(11), 'cpuNs'), { ...COMPARISON, metric: 'cpu' })).toMatchObject({ verdict: 'slower' })
  })

  it('are equivalent when they use exactly the same', () => {
    expect(compareMachine(samples(Array(20).fill(4096), 'memoryBytes'), samples(Array(20).fill(4096), 'memoryBytes'), { ...COMPARISON, metric: 'memory' }))
      .toMatchObject({ ratio: { ratio: 1, low: 1, high: 1, smaller: 0.5 }, verdict: 'equivalent' })
  })

  it('are equal in a pair that was billed for nothing on both sides', () => {
    const a = samples([...Array<number>(12).fill(0), ...Array<number>(8).fill(4096)], 'memoryBytes')
    const b = samples([...Array<number>(12).fill(0), ...Array<number>(8).fill(8192)], 'memoryBytes')

    expect(compareMachine(a, b, { ...COMPARISON, metric: 'memory' })).toMatchObject({ ratio: { low: expect.closeTo(1, 9) as number, smaller: 0.3 } })
    expect(compareMachine(a, a, { ...COMPARISON, metric: 'memory' })).toMatchObject({ ratio: { ratio: 1, low: 1, high: 1 }, verdict: 'equivalent' })
  })

  it('are regressions by evidence for more than is allowed, not by a ratio above it', () => {
    const p = (factor: number, failIfSlower: number) => compareMachine(samples(noisy(10)), samples(noisy(10 * factor).toReversed()), { ...COMPARISON, failIfSlower }).pValue

    expect(p(1.1, 0.05)).toBeLessThan(0.001)
    expect(p(1.05, 0.05)).toBeGreaterThan(0.05)
    expect(p(1.02, 0.05)).toBeGreaterThan(0.9)
    expect(compareMachine(samples(noisy(10)), samples(noisy(10)), COMPARISON)).not.toHaveProperty('pValue')
  })

  it.each([
    ['too few pairs', samples(noisy(1, 5)), samples(noisy(1, 9)), COMPARISON, '5 pairs of runs say nothing: 6 are the least'],
    ['no bill of memory', samples(noisy(1)), samples(noisy(1)), { ...COMPARISON, metric: 'memory' }, 'its runs are not billed for memory one by one: that takes a control group'],
    ['bills of nothing', samples(noisy(1)), samples([0, ...noisy(1, 29)]), COMPARISON, 'some of its runs are billed for nothing at all']
  ] as const)('say why there is no ratio: %s', (_, a, b, comparison, reason) => {
    expect(compareMachine(a, b, comparison)).toEqual({ verdict: 'undecided', reason })
  })
})
