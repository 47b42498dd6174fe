import { ascending, quantileOfSorted } from './quantile.ts'

/** The fewest values from which a 95 % interval of the median can be had: with 5, the whole range covers 93.75 %. */
export const MIN_FOR_INTERVAL = 6

export interface MedianInterval {
  median: number
  low: number
  high: number
  /** What the interval covers at least, exactly: between 0.95 and 1. */
  coverage: number
}

/**
 * The narrowest symmetric pair of order statistics that covers the median of
 * the distribution with at least 95 %, whatever the distribution is:
 * P(X(r) <= m <= X(n+1-r)) = 1 - 2 P(Bin(n, 1/2) < r).
 * David and Nagaraja, Order Statistics, 3rd edition, section 7.1.
 * Undefined below MIN_FOR_INTERVAL values.
 */
export function medianInterval (values: readonly number[]): MedianInterval | undefined {
  const ranks = medianRanks(values.length)

  if (ranks == null) {
    return undefined
  }

  const sorted = ascending(values)

  return {
    median: quantileOfSorted(sorted, 0.5),
    low: sorted[ranks.low - 1] ?? NaN,
    high: sorted[ranks.high - 1] ?? NaN,
    coverage: ranks.coverage
  }
}

/** Which of n ascending values, counted from 1, bound the median. */
export function medianRanks (n: number): { low: number, high: number, coverage: number } | undefined {
  if (n < MIN_FOR_INTERVAL) {
    return undefined
  }

  // The terms are kept as logarithms: 2^-n underflows above n = 1074.
  let logTerm = -n * Math.LN2
  let below = 0
  let rank = 0

  while (below + Math.exp(logTerm) <= 0.025) {
    below += Math.exp(logTerm)
    logTerm += Math.log(n - rank) - Math.log(rank + 1)
    rank++
  }

  return { low: rank, high: n + 1 - rank, coverage: 1 - 2 * below }
}

/**
 * What follows the ± of a median: the distance to the farther end, so that a
 * lopsided interval never looks narrower than it is.
 */
export function halfWidth (interval: { median: number, low: number, high: number }): number {
  return Math.max(interval.high - interval.median, interval.median - interval.low)
}

/** The half-width as a fraction of the median. */
export function relativeHalfWidth (interval: { median: number, low: number, high: number }): number {
  const half = halfWidth(interval)

  return half === 0 ? 0 : half / Math.abs(interval.median)
}
