import { ascending } from './quantile.ts'

/**
 * How often a value of `contender` is smaller than one of `reference`, over all
 * pairs of the two, ties half: U / (n m) of Mann and Whitney, "On a test of
 * whether one of two random variables is stochastically larger than the
 * other", Annals of Mathematical Statistics 18, 1947. It describes these
 * values and tests nothing. NaN when one side is empty.
 */
export function shareOfPairs (reference: readonly number[], contender: readonly number[]): number {
  const sorted = ascending(reference)
  let twice = 0

  for (const value of contender) {
    twice += 2 * sorted.length - rankBelow(sorted, value, true) - rankBelow(sorted, value, false)
  }

  return twice / (2 * reference.length * contender.length)
}

/** How many of the ascending values are below `value`, or not above it. */
function rankBelow (sorted: readonly number[], value: number, included: boolean): number {
  let low = 0
  let high = sorted.length

  while (low < high) {
    const middle = (low + high) >> 1
    const other = sorted[middle] as number

    if (other < value || (included && other === value)) {
      low = middle + 1
    } else {
      high = middle
    }
  }

  return low
}
