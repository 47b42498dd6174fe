import { normalCdf } from './distributions.ts'
import { ranksOf } from './ranks.ts'

export interface MannWhitney {
  /** In how many of all pairs of one value of each the second is smaller; ties count half. */
  u: number
  /** Two-sided p-value. */
  p: number
  /** Probability that a value of the second is smaller than one of the first, ties half. */
  smaller: number
}

/** Up to so many values together, without ties, all orders are counted. */
const MAX_COUNTED = 40

/**
 * Mann and Whitney's test for values that do not belong together in pairs,
 * such as those of different sessions. Exact for few values without ties, else
 * by the normal distribution with corrections for ties and continuity.
 * Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition,
 * section 4.1. Undefined when either side has no values, or one that is no number.
 */
export function mannWhitney (first: readonly number[], second: readonly number[]): MannWhitney | undefined {
  const n = first.length
  const m = second.length
  const all = [...first, ...second]

  if (n === 0 || m === 0 || all.some(Number.isNaN)) {
    return undefined
  }

  const { ranks, tied } = ranksOf(all)
  const u = ranks.slice(0, n).reduce((sum, rank) => sum + rank, 0) - n * (n + 1) / 2
  // The distribution is symmetric.
  const larger = Math.max(u, n * m - u)
  const tail = tied === 0 && n + m <= MAX_COUNTED ? countedTail(larger, n, m) : normalTail(larger, n, m, tied)

  return { u, p: Math.min(1, 2 * tail), smaller: u / (n * m) }
}

function normalTail (u: number, n: number, m: number, tied: number): number {
  const total = n + m
  const variance = n * m / 12 * (total + 1 - tied / (total * (total - 1)))

  // All values are equal.
  return variance === 0 ? 1 : normalCdf((n * m / 2 + 0.5 - u) / Math.sqrt(variance))
}

/**
 * Share of the orders of n and m values in which u is at least this large.
 * Counts the orders for each u by Gauss's binomial coefficient, the product of
 * (1 - x^(m+i)) / (1 - x^i) for i from 1 to n.
 */
function countedTail (u: number, n: number, m: number): number {
  const counts = new Float64Array(n * m + 1)

  counts[0] = 1

  for (let i = 1; i <= n; i++) {
    for (let power = n * m; power >= m + i; power--) {
      counts[power] = (counts[power] as number) - (counts[power - m - i] as number)
    }

    for (let power = i; power <= n * m; power++) {
      counts[power] = (counts[power] as number) + (counts[power - i] as number)
    }
  }

  const all = counts.reduce((sum, count) => sum + count, 0)

  // From the other end, where it is the same: the small counts are exact.
  return counts.subarray(0, n * m - u + 1).reduce((sum, count) => sum + count, 0) / all
}
