import { MIN_FOR_INTERVAL } from './median-interval.ts'
import { signedRankTail, walshAbove, walshAt, walshCount, walshRank } from './signed-rank.ts'

export interface PairedRatio {
  /** Contender by reference: below 1 the contender is smaller. */
  ratio: number
  low: number
  high: number
  pairs: number
  /** Share of pairs in which the contender was smaller, ties half. */
  smaller: number
}

/**
 * From this many pairs on, two neighbouring pairs are one unit: six units are
 * the fewest that have a 95 % interval.
 */
const PAIRS_FOR_QUADS = 2 * MIN_FOR_INTERVAL

/**
 * How many times contender is reference: the Hodges-Lehmann estimate of the
 * centre of the logarithms of ratios, with the interval that Wilcoxon's
 * signed-rank test does not reject. Values i belong together.
 * Undefined below MIN_FOR_INTERVAL pairs or when a value is not above 0.
 */
export function pairedRatio (reference: readonly number[], contender: readonly number[], confidence = 0.95): PairedRatio | undefined {
  const logs = logRatios(reference, contender)

  if (logs == null || logs.length < MIN_FOR_INTERVAL) {
    return undefined
  }

  const units = unitsOf(logs)
  const count = walshCount(units.length)
  const rank = walshRank(units.length, (1 - confidence) / 2)
  const middle = (walshAt(units, Math.floor((count + 1) / 2)) + walshAt(units, Math.floor(count / 2) + 1)) / 2

  return {
    ratio: Math.exp(middle),
    low: rank === 0 ? 0 : Math.exp(walshAt(units, rank)),
    high: rank === 0 ? Infinity : Math.exp(walshAt(units, count + 1 - rank)),
    pairs: logs.length,
    smaller: logs.reduce((sum, log) => sum + (log < 0 ? 1 : log === 0 ? 0.5 : 0), 0) / logs.length
  }
}

/**
 * Evidence that contender / reference is above 1 + threshold: the one-sided p
 * of the signed-rank test, 1 when there is nothing to tell from. Averages at
 * the threshold itself count against it.
 */
export function pairedPValue (reference: readonly number[], contender: readonly number[], threshold: number): number {
  const logs = logRatios(reference, contender)

  if (logs == null || logs.length === 0) {
    return 1
  }

  const units = unitsOf(logs)

  return signedRankTail(walshAbove(units, Math.log1p(threshold)), units.length)
}

function logRatios (reference: readonly number[], contender: readonly number[]): number[] | undefined {
  const logs: number[] = []

  for (let i = 0; i < Math.min(reference.length, contender.length); i++) {
    const a = reference[i] as number
    const b = contender[i] as number

    if (!(a > 0 && b > 0)) {
      return undefined
    }

    logs.push(Math.log(b / a))
  }

  return logs
}

/** What the signed ranks are given to, ascending. */
function unitsOf (logs: readonly number[]): Float64Array {
  if (logs.length < PAIRS_FOR_QUADS) {
    return Float64Array.from(logs).sort()
  }

  return Float64Array.from({ length: Math.ceil(logs.length / 2) }, (_, k) => {
    const first = logs[2 * k] as number

    return (first + (logs[2 * k + 1] ?? first)) / 2
  }).sort()
}
