import { metricOf } from '../model/comparison.ts'
import { counted } from '../model/text.ts'
import { MIN_FOR_INTERVAL } from '../stats/median-interval.ts'
import { pairedPValue, pairedRatio } from '../stats/paired-ratio.ts'
import { verdictOf } from './verdict.ts'
import type { Comparison } from '../model/comparison.ts'
import type { Sample } from '../model/sample.ts'
import type { PairedRatio } from '../stats/paired-ratio.ts'
import type { Verdict } from './verdict.ts'

/** What one machine says of a contender beside the reference. */
export interface MachineComparison {
  /** Contender by reference. */
  ratio?: PairedRatio
  verdict: Verdict
  /** Evidence that the contender is slower by more than `failIfSlower`, one-sided and not corrected for others; absent when nobody asked. */
  pValue?: number
  /** Why there is no ratio, in words. */
  reason?: string
}

/**
 * Runs i of both belong together; what has no counterpart is left out. Pairs 2k
 * and 2k + 1 were in opposite order: whoever leaves runs out leaves out both.
 */
export function compareMachine (reference: readonly Sample[], contender: readonly Sample[], { metric, margin, failIfSlower }: Comparison): MachineComparison {
  const pairs = Math.min(reference.length, contender.length)
  const values = [reference, contender].map(samples => samples.slice(0, pairs).map(sample => metricOf(sample, metric)))
  const [first = [], second = []] = nothingTwice(values.map(list => list.filter(value => value != null)))
  const reason = whyNone(pairs, first.length < pairs || second.length < pairs, [...first, ...second])

  if (reason != null) {
    return { verdict: 'undecided', reason }
  }

  const ratio = pairedRatio(first, second)

  return {
    ...(ratio == null ? {} : { ratio }),
    verdict: verdictOf(ratio, margin),
    ...(failIfSlower == null ? {} : { pValue: pairedPValue(first, second, failIfSlower) })
  }
}

/** Two runs that were both billed for nothing, as small ones may be for memory, are equal: a ratio of 1, as 1 by 1. */
function nothingTwice (values: readonly number[][]): number[][] {
  const equal = (i: number): boolean => values.every(list => list[i] === 0)

  return values.map(list => list.map((value, i) => equal(i) ? 1 : value))
}

function whyNone (pairs: number, unbilled: boolean, values: readonly number[]): string | undefined {
  if (pairs < MIN_FOR_INTERVAL) {
    return `${counted(pairs, 'pair')} of runs say nothing: ${MIN_FOR_INTERVAL} are the least`
  }

  if (unbilled) {
    return 'its runs are not billed for memory one by one: that takes a control group'
  }

  return values.every(value => value > 0) ? undefined : 'some of its runs are billed for nothing at all'
}
