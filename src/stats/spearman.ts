import { studentCdf } from './distributions.ts'
import { ranksOf } from './ranks.ts'

export interface Correlation {
  /** -1 to 1; 0 when nothing varies. */
  rho: number
  /** Two-sided p-value, by Student's t with n - 2 degrees of freedom: rough below ten values. */
  p: number
}

/**
 * Spearman's rank correlation of values with the order in which they were
 * measured: above 0 they grow, below 0 they fall. Equal values share their
 * ranks. Kendall and Gibbons, Rank Correlation Methods, 5th edition, chapter 3.
 * Undefined below three values.
 */
export function spearman (values: readonly number[]): Correlation | undefined {
  const n = values.length

  if (n < 3) {
    return undefined
  }

  const { ranks, tied } = ranksOf(values)
  const middle = (n + 1) / 2
  const products = ranks.reduce((sum, rank, order) => sum + (rank - middle) * (order + 1 - middle), 0)
  const squares = n ** 3 - n

  if (tied === squares) {
    return { rho: 0, p: 1 }
  }

  // Sums of squares of ranks from 1 to n about their mean are (n^3 - n) / 12, less with ties.
  const rho = Math.max(-1, Math.min(1, 12 * products / Math.sqrt(squares * (squares - tied))))

  return { rho, p: 2 * studentCdf(-Math.abs(rho) * Math.sqrt((n - 2) / (1 - rho ** 2)), n - 2) }
}
