/** A sorted copy, smallest first. */
export function ascending (values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

/**
 * Quantile `p` (0 to 1) by linear interpolation between the order statistics at
 * rank 1 + p (n - 1): definition 7 of Hyndman and Fan, "Sample quantiles in
 * statistical packages", 1996; what R, NumPy and spreadsheets do by default.
 * NaN for no values.
 */
export function quantile (values: readonly number[], p: number): number {
  return quantileOfSorted(ascending(values), p)
}

/** The same for values that are already ascending. */
export function quantileOfSorted (sorted: readonly number[], p: number): number {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(`quantile ${p} is not between 0 and 1`)
  }

  const rank = p * (sorted.length - 1)
  const below = Math.floor(rank)
  const low = sorted[below] ?? NaN
  const high = sorted[below + 1] ?? low

  return low + (high - low) * (rank - below)
}

/** Middle value, or the mean of the two middle ones. NaN for no values. */
export function median (values: readonly number[]): number {
  return quantile(values, 0.5)
}
