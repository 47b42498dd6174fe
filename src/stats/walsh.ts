/** Differences of logarithms below this do not change a ratio. Keeps the search from going on among the denormal numbers. */
const TINY = 1e-18

/**
 * The Hodges-Lehmann estimate of the centre of a symmetric distribution: the
 * median of the Walsh averages, which are the means of all pairs of values and
 * of each value with itself. Hodges and Lehmann, "Estimates of location based
 * on rank tests", Annals of Mathematical Statistics 34, 1963.
 *
 * @param sorted - ascending; any number of them, for no list of averages is made
 */
export function hodgesLehmann (sorted: Float64Array): number {
  const count = sorted.length * (sorted.length + 1) / 2
  const below = walshAt(sorted, Math.floor((count + 1) / 2))

  return count % 2 === 1 ? below : (below + walshAt(sorted, count / 2 + 1)) / 2
}

/** The Walsh average of this rank, counted from 1 for the smallest: halves the range until its ends cannot be told apart. */
function walshAt (sorted: Float64Array, rank: number): number {
  const notAbove = sorted.length * (sorted.length + 1) / 2 - rank
  let low = sorted[0] as number
  let high = sorted[sorted.length - 1] as number

  if (above(sorted, low).count <= notAbove) {
    return low
  }

  // From here on fewer than `rank` averages are at most low, and at least `rank` at most high.
  for (let middle = (low + high) / 2; middle > low && middle < high && high - low > TINY; middle = (low + high) / 2) {
    if (above(sorted, middle).count <= notAbove) {
      high = middle
    } else {
      low = middle
    }
  }

  return above(sorted, low).smallest
}

/** How many Walsh averages lie above x, and the smallest of them. One pass: the larger a value, the smaller a partner will do. */
function above (sorted: Float64Array, x: number): { count: number, smallest: number } {
  let count = 0
  let smallest = Infinity
  let first = sorted.length

  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] as number

    while (first > 0 && (value + (sorted[first - 1] as number)) / 2 > x) {
      first--
    }

    // With partners from i on, so that each pair counts once.
    const partner = Math.max(i, first)

    if (partner < sorted.length) {
      count += sorted.length - partner
      smallest = Math.min(smallest, (value + (sorted[partner] as number)) / 2)
    }
  }

  return { count, smallest }
}
