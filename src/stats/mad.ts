import { median } from './quantile.ts'

/** Median absolute deviation from the median, not scaled to a normal distribution's standard deviation; NaN for no values. */
export function medianAbsoluteDeviation (values: readonly number[]): number {
  const middle = median(values)

  return median(values.map(value => Math.abs(value - middle)))
}
