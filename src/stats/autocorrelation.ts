import { medianInterval } from './median-interval.ts'
import { median } from './quantile.ts'
import type { MedianInterval } from './median-interval.ts'

/**
 * Lag-1 autocorrelation of the signs of the deviations from the median, -1 to
 * 1: do runs above the median follow runs above it? The signs are what the
 * order-statistic interval counts, and one outlier weighs no more than any run.
 * 0 when nothing deviates.
 */
export function signAutocorrelation (series: readonly number[]): number {
  const middle = median(series)
  const signs = series.map(value => Math.sign(value - middle))
  let products = 0
  let squares = 0

  for (const [i, sign] of signs.entries()) {
    products += sign * (signs[i + 1] ?? 0)
    squares += sign * sign
  }

  return squares === 0 ? 0 : products / squares
}

/** Beyond this the factor below explodes on what a few runs can tell. */
const MAX_CORRELATION = 0.9

/**
 * The interval of the median of values in the order in which they were
 * measured. Neighbouring runs that resemble each other tell less than
 * independent ones: when their correlation r is more than chance (r > 2/sqrt(n)),
 * both sides are widened by sqrt((1 + r) / (1 - r)), the variance inflation of
 * a first-order autoregressive series; for sample quantiles of dependent series
 * see Gastwirth and Rubin, Annals of Statistics 3, 1975.
 * Undefined below MIN_FOR_INTERVAL values.
 */
export function medianIntervalOfSeries (series: readonly number[]): MedianInterval | undefined {
  const interval = medianInterval(series)
  const correlation = Math.min(signAutocorrelation(series), MAX_CORRELATION)

  if (interval == null || correlation <= 2 / Math.sqrt(series.length)) {
    return interval
  }

  const factor = Math.sqrt((1 + correlation) / (1 - correlation))
  const { median: middle, low, high } = interval

  return { ...interval, low: middle - (middle - low) * factor, high: middle + (high - middle) * factor }
}
