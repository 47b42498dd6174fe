export type Verdict = 'faster' | 'slower' | 'equivalent' | 'undecided'

/**
 * What the interval of a ratio (contender by reference) says. Wholly within
 * the margin, the difference does not matter, even if there is one; else an
 * interval without 1 has a direction; else nothing can be said.
 *
 * @param interval - absent when there were too few pairs for one
 * @param margin - as a fraction; 0.01 is from 1 / 1.01 to 1.01
 */
export function verdictOf (interval: { low: number, high: number } | undefined, margin: number): Verdict {
  if (interval == null) {
    return 'undecided'
  }

  const { low, high } = interval

  if (low >= 1 / (1 + margin) && high <= 1 + margin) {
    return 'equivalent'
  }

  return high < 1 ? 'faster' : low > 1 ? 'slower' : 'undecided'
}
