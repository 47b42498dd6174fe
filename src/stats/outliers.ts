import { medianAbsoluteDeviation } from './mad.ts'
import { median } from './quantile.ts'

/**
 * Distance from the median, in median absolute deviations, beyond which a value
 * is an outlier: ten times the 1.4826 that make the MAD a standard deviation.
 * As in hyperfine, after Iglewicz and Hoaglin, How to Detect and Handle
 * Outliers, ASQC 1993, whose modified Z-score is the same.
 */
const THRESHOLD = 10 * 1.4826

/** Places of the values that are far from all others. Where more than half are equal every other one is an outlier, however near. */
export function outlierPlaces (values: readonly number[]): number[] {
  const middle = median(values)
  const deviation = medianAbsoluteDeviation(values)

  return values.flatMap((value, place) => Math.abs(value - middle) > THRESHOLD * deviation ? [place] : [])
}
