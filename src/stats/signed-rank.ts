import { normalCdf, normalQuantile } from './distributions.ts'

/** Up to this many values the distribution of the signed-rank sum is counted out; from here on it is as good as normal. */
const MAX_EXACT = 60

/**
 * Wilcoxon's signed-rank sum is the number of Walsh averages, the means of all
 * pairs of values and of each value with itself, above the centre that is
 * tested. So everything here speaks of counts of Walsh averages of n values, of
 * which there are n (n + 1) / 2. Hollander, Wolfe and Chicken, Nonparametric
 * Statistical Methods, 3rd edition, sections 3.1 to 3.3.
 */
export function walshCount (n: number): number {
  return n * (n + 1) / 2
}

/**
 * Probability that at least `above` Walsh averages of n values lie above the
 * centre of their distributions, each of which is symmetric; they need not be equal.
 */
export function signedRankTail (above: number, n: number): number {
  if (n > MAX_EXACT) {
    // Half a count is the continuity correction.
    return normalCdf((walshCount(n) / 2 - above + 0.5) / deviation(n))
  }

  const ways = waysOfSum(n)
  let total = 0

  // By symmetry, and from the small terms to the large ones.
  for (let sum = 0; sum <= walshCount(n) - above; sum++) {
    total += ways[sum] ?? 0
  }

  return Math.min(1, total / 2 ** n)
}

/**
 * The rank, counted from 1, of the Walsh average that bounds the centre from
 * below with an error of at most `alpha`; the same rank from above bounds it
 * from above. 0 when n is too small for any bound.
 */
export function walshRank (n: number, alpha: number): number {
  if (n > MAX_EXACT) {
    return Math.max(0, Math.floor(walshCount(n) / 2 + 0.5 + normalQuantile(alpha) * deviation(n)))
  }

  const ways = waysOfSum(n)
  let below = 0
  let rank = 0

  while (below + (ways[rank] as number) <= alpha * 2 ** n) {
    below += ways[rank] as number
    rank++
  }

  return rank
}

/** How many Walsh averages of these ascending values lie above x. One pass: for a larger value, more partners are large enough. */
export function walshAbove (sorted: ArrayLike<number>, x: number): number {
  let count = 0
  let first = sorted.length

  for (let i = 0; i < sorted.length; i++) {
    while (first > 0 && average(sorted, i, first - 1) > x) {
      first--
    }

    // Partners i and above only: each pair once.
    count += sorted.length - Math.max(i, first)
  }

  return count
}

/**
 * The Walsh average of this rank, counted from 1 for the smallest, without
 * making a list of them: halves the range until nothing lies between its ends
 * but that value (or values that differ by less than a double can tell).
 */
export function walshAt (sorted: ArrayLike<number>, rank: number): number {
  const total = walshCount(sorted.length)
  let low = sorted[0] as number
  let high = sorted[sorted.length - 1] as number

  if (total - walshAbove(sorted, low) >= rank) {
    return low
  }

  // From here on fewer than `rank` are at most low, and at least `rank` at most high.
  for (let middle = (low + high) / 2; middle > low && middle < high && high - low > TINY; middle = (low + high) / 2) {
    if (total - walshAbove(sorted, middle) >= rank) {
      high = middle
    } else {
      low = middle
    }
  }

  return smallestAbove(sorted, low)
}

/** Differences of logarithms below this do not change a ratio. Keeps the search from going on among the denormal numbers. */
const TINY = 1e-18

/** The smallest Walsh average above x; the caller knows that there is one. */
function smallestAbove (sorted: ArrayLike<number>, x: number): number {
  let smallest = Infinity
  let first = sorted.length

  for (let i = 0; i < sorted.length; i++) {
    while (first > 0 && average(sorted, i, first - 1) > x) {
      first--
    }

    const partner = Math.max(i, first)

    if (partner < sorted.length) {
      smallest = Math.min(smallest, average(sorted, i, partner))
    }
  }

  return smallest
}

function average (sorted: ArrayLike<number>, i: number, j: number): number {
  return ((sorted[i] as number) + (sorted[j] as number)) / 2
}

/** Standard deviation of the signed-rank sum. */
function deviation (n: number): number {
  return Math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
}

/** In how many of the 2^n ways of giving signs to the ranks 1 to n the positive ones sum up to 0, 1, 2, … */
function waysOfSum (n: number): Float64Array {
  const ways = new Float64Array(walshCount(n) + 1)

  ways[0] = 1

  for (let rank = 1; rank <= n; rank++) {
    for (let sum = walshCount(rank); sum >= rank; sum--) {
      ways[sum] = (ways[sum] as number) + (ways[sum - rank] as number)
    }
  }

  return ways
}
