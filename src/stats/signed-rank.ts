import { normalCdf } from './distributions.ts'

/** With up to so many blocks every way of giving them signs is counted; with more, their sum is as good as normal. */
const MAX_COUNTED = 20

/** Of a search that ends sooner unless the interval has no width on this side. */
const MAX_STEPS = 52

/**
 * Wilcoxon's signed-rank test for differences in blocks: the differences of one
 * block may depend on each other in any way, and the whole block is as likely as
 * with all signs turned. Given the ranks of the absolute values (ties get the
 * mean of their ranks, zeros keep theirs without a sign: Pratt, "Remarks on
 * zeros and ties in the Wilcoxon signed rank procedures", JASA 54, 1959), all
 * ways of turning whole blocks are equally likely, so the test is exact whatever
 * the distributions are. Blocks of one are the ordinary test. The idea of
 * ranking single differences and giving signs to blocks is from Rosner, Glynn
 * and Lee, "The Wilcoxon signed rank test for paired comparisons of clustered
 * data", Biometrics 62, 2006.
 */
export interface SignedRanks {
  /** Ascending. */
  sorted: Float64Array
  /** Of each of the sorted differences, the block that it belongs to. */
  blocks: Uint32Array
  blockCount: number
}

/** @param blockSize - neighbours that form a block; the last one may be smaller */
export function signedRanks (differences: readonly number[], blockSize: number): SignedRanks {
  const order = Uint32Array.from(differences.keys()).sort((a, b) => (differences[a] as number) - (differences[b] as number))

  return {
    sorted: Float64Array.from(order, index => differences[index] as number),
    blocks: order.map(index => Math.floor(index / blockSize)),
    blockCount: Math.ceil(differences.length / blockSize)
  }
}

/**
 * One-sided p-value: how likely the differences would be so far on this side of
 * `center` if it were their centre.
 */
export function signedRankP (ranks: SignedRanks, center: number, side: 'above' | 'below'): number {
  const sums = blockSums(ranks, center)
  const upwards = sums.reduce((total, sum) => total + sum, 0)

  return tail(sums, side === 'above' ? upwards : -upwards)
}

/**
 * The interval of centres that neither side's test rejects at `alpha`. Infinite
 * ends where there are too few blocks to reject anything.
 */
export function signedRankInterval (ranks: SignedRanks, estimate: number, alpha: number): { low: number, high: number } {
  const { sorted } = ranks
  const least = sorted[0] as number
  const most = sorted[sorted.length - 1] as number
  const bound = (outer: number, side: 'above' | 'below'): number => {
    const beyond = outer + (side === 'above' ? -1 : 1)

    return signedRankP(ranks, beyond, side) > alpha
      ? (side === 'above' ? -Infinity : Infinity)
      : signedRankP(ranks, outer, side) > alpha
        ? outer
        : lastRejected(center => signedRankP(ranks, center, side) <= alpha, outer, estimate)
  }

  return { low: bound(least, 'above'), high: bound(most, 'below') }
}

/**
 * Halves the way from a rejected centre to one that is not, to a millionth of
 * the interval; a hair too wide rather than too narrow.
 */
function lastRejected (isRejected: (center: number) => boolean, rejected: number, estimate: number): number {
  let kept = estimate

  for (let step = 0; step < MAX_STEPS && Math.abs(rejected - kept) > 1e-6 * Math.abs(rejected - estimate); step++) {
    const middle = (rejected + kept) / 2

    if (isRejected(middle)) {
      rejected = middle
    } else {
      kept = middle
    }
  }

  return rejected
}

/**
 * Twice the sum of signed ranks of each block; twice, so that mean ranks are
 * whole numbers. Goes outwards from the centre on both sides at once, which
 * needs no sorting.
 */
function blockSums ({ sorted, blocks, blockCount }: SignedRanks, center: number): Float64Array {
  const sums = new Float64Array(blockCount)
  let right = firstAtLeast(sorted, center)
  let left = right - 1
  let ranked = 0

  while (ranked < sorted.length) {
    const distance = Math.min(left >= 0 ? center - (sorted[left] as number) : Infinity, right < sorted.length ? (sorted[right] as number) - center : Infinity)
    const leftmost = left
    const rightmost = right

    while (left >= 0 && center - (sorted[left] as number) === distance) {
      left--
    }

    while (right < sorted.length && (sorted[right] as number) - center === distance) {
      right++
    }

    const tied = leftmost - left + right - rightmost
    const rank = distance === 0 ? 0 : 2 * ranked + tied + 1

    for (let i = left + 1; i <= leftmost; i++) {
      sums[blocks[i] as number] = (sums[blocks[i] as number] as number) - rank
    }

    for (let i = rightmost; i < right; i++) {
      sums[blocks[i] as number] = (sums[blocks[i] as number] as number) + rank
    }

    ranked += tied
  }

  return sums
}

function firstAtLeast (sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length

  while (low < high) {
    const middle = (low + high) >>> 1

    if ((sorted[middle] as number) < value) {
      low = middle + 1
    } else {
      high = middle
    }
  }

  return low
}

/** Probability that these whole numbers with random signs sum up to `least` or more. */
function tail (sums: Float64Array, least: number): number {
  const sizes = sums.map(Math.abs).filter(size => size > 0)
  const total = sizes.reduce((sum, size) => sum + size, 0)

  if (sizes.length > MAX_COUNTED) {
    // Turning a sign changes doubled ranks by 4 at least; half of that is the continuity correction.
    return normalCdf((2 - least) / Math.sqrt(sizes.reduce((squares, size) => squares + size ** 2, 0)))
  }

  // Without ties all are even, and half of them is half the work.
  const unit = sizes.every(size => size % 2 === 0) ? 2 : 1
  const limit = (total - least) / 2 / unit

  return waysUpTo(limit, sizes.map(size => size / unit)) / 2 ** sizes.length
}

/** How many ways there are of choosing some of these numbers whose sum is at most the limit. */
function waysUpTo (limit: number, sizes: Float64Array): number {
  const ways = new Float64Array(limit + 1)
  let reach = 0

  ways[0] = 1

  for (const size of sizes) {
    reach = Math.min(limit, reach + size)

    for (let sum = reach; sum >= size; sum--) {
      ways[sum] = (ways[sum] as number) + (ways[sum - size] as number)
    }
  }

  return ways.reduce((count, more) => count + more, 0)
}
