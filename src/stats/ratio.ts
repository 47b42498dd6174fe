import type { MedianInterval } from './median-interval.ts'

export interface Ratio {
  ratio: number
  /** Ends of the 95 % interval. */
  low: number
  high: number
}

/**
 * Ratio of two independent medians of positive values. The interval joins those
 * of the medians on the log scale by MOVER: each side of the difference is the
 * root of the summed squares of the sides it is made of. Zou and Donner,
 * "Construction of confidence limits about effect measures: a general
 * approach", Statistics in Medicine 27, 2008; for medians Price and Bonett,
 * Journal of Educational and Behavioral Statistics 45, 2020.
 * It speaks of these two sessions; nothing in it knows of differences between sessions.
 */
export function ratioOfMedians (numerator: MedianInterval, denominator: MedianInterval): Ratio {
  const above = side(numerator.high, numerator.median)
  const below = side(numerator.median, numerator.low)
  const ratio = numerator.median / denominator.median

  return {
    ratio,
    low: ratio / Math.exp(Math.hypot(below, side(denominator.high, denominator.median))),
    high: ratio * Math.exp(Math.hypot(above, side(denominator.median, denominator.low)))
  }
}

/** How far two positive values are apart on the log scale. A widened interval may reach below zero: infinitely far. */
function side (high: number, low: number): number {
  return low > 0 ? Math.log(high / low) : Infinity
}
