const RESAMPLES = 4_000

/** The median, and its 95 % interval by the percentile bootstrap; Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13. */
export function bootstrapMedian (values) {
  const medians = Array.from({ length: RESAMPLES }, () => middle(values.map(() => values[Math.floor(Math.random() * values.length)]))).sort((a, b) => a - b)

  return { median: middle(values), low: medians[Math.floor(RESAMPLES * 0.025)], high: medians[Math.ceil(RESAMPLES * 0.975) - 1] }
}

export function middle (values) {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length / 2

  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2
}
