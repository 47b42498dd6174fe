import { finished, type WorkerSketch } from './fixtures.ts'
import type { Comparison } from '../../src/model/comparison.ts'
import type { FinishedJob } from '../../src/model/finished.ts'

/** Milliseconds of n runs that differ from each other by some percent, the same for the same seed. */
export function times (middle: number, spread: number, n: number, seed = 1): number[] {
  let state = seed * 2_654_435_761 % 2 ** 32

  return Array.from({ length: n }, () => {
    state = (1_664_525 * state + 1_013_904_223) % 2 ** 32

    return middle * (1 + spread * (2 * state / 2 ** 32 - 1))
  })
}

export interface PairSketch extends Omit<WorkerSketch, 'runs' | 'cpu'> {
  cpu?: string
  /** Per contender: how many times slower than the reference. */
  slower: number[]
  /** Half of the range of single runs, as a fraction. */
  spread?: number
  pairs?: number
  /** Tells machines apart that differ in nothing else. */
  seed?: number
}

/** `./old 7` against `./new 7`, and `./newer 7` when there is a second contender. */
export function compared (workers: PairSketch[], comparison: Partial<Comparison> = {}, change: Partial<FinishedJob['job']> = {}): FinishedJob {
  return finished(workers.map(({ slower, spread = 0.01, pairs = 40, seed = 1, ...sketch }) => ({
    cpu: 'AMD EPYC 7302',
    ...sketch,
    runs: [1, ...slower].map((factor, i) => times(40 * factor, spread, pairs, 100 * seed + i))
  })), {
    commands: ['./old', './new', './newer'].slice(0, 1 + Math.max(...workers.map(({ slower }) => slower.length)))
      .map(name => ({ argv: [name, '7'], program: { kind: 'payload', path: name.slice(2) } })),
    comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false, ...comparison },
    ...change
  })
}
