import { median } from './quantile.ts'

/**
 * By how much a series rises from its first value to its last, along a
 * straight line that outliers do not bend, as a fraction of its median; less
 * than 0 when it falls. The slope is that of the resistant line, between the
 * medians of the outer thirds: Tukey, Exploratory Data Analysis, 1977; Emerson
 * and Hoaglin in Hoaglin, Mosteller, Tukey, Understanding Robust and
 * Exploratory Data Analysis, 1983, chapter 5, without its iterations.
 * Undefined below three values and for a median of 0.
 */
export function relativeTrend (series: readonly number[]): number | undefined {
  const middle = median(series)
  const third = Math.round(series.length / 3)

  if (series.length < 3 || middle === 0) {
    return undefined
  }

  const rise = median(series.slice(-third)) - median(series.slice(0, third))

  // The middles of the two thirds are so many places apart.
  return rise / (series.length - third) * (series.length - 1) / middle
}
