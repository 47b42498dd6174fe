import { studentQuantile } from './distributions.ts'
import type { PairedRatio } from './paired-ratio.ts'

/** What one machine says about a ratio. */
export interface Estimate {
  /** Logarithm of the ratio. */
  log: number
  /** Its standard error. */
  error: number
  /** Degrees of freedom of the standard error. */
  freedom: number
}

export interface AcrossRatio {
  ratio: number
  /** Ends of the 95 % interval. */
  low: number
  high: number
}

export interface PopulationRatio extends AcrossRatio {
  /** Ends of the 95 % prediction interval: where the ratio of one more machine is expected. */
  predictedLow: number
  predictedHigh: number
  /** Standard deviation between machines, of logarithms of ratios. */
  tau: number
}

/** With fewer machines nothing useful can be said of machines that were not measured. */
export const MIN_FOR_POPULATION = 5

const CONFIDENCE = 0.95

/** Nobody measures a ratio better than to a billionth. Keeps weights finite where runs do not differ at all, as memory may. */
const LEAST_VARIANCE = 1e-18

/**
 * A machine's ratio as an estimate with an error: half its 95 % interval's width on
 * the log scale is what Student's t with one degree of freedom less than there
 * are pairs would make of the error. With few pairs the rank interval covers
 * more than 95 %, and the error is on the safe side.
 */
export function estimateOf ({ ratio, low, high, pairs }: PairedRatio): Estimate {
  const freedom = pairs - 1

  return { log: Math.log(ratio), error: Math.log(high / low) / 2 / quantile(freedom), freedom }
}

/**
 * The geometric mean of these machines' ratios, every machine with the same
 * weight: the question is about these machines, not about those that are quiet.
 * The variance is the sum of the squared errors by k squared, its degrees of
 * freedom are Satterthwaite's ("An approximate distribution of estimates of
 * variance components", Biometrics Bulletin 2, 1946). How much the machines
 * differ does not widen it. Undefined for no machines.
 */
export function theseMachines (estimates: readonly Estimate[]): AcrossRatio | undefined {
  return estimates.length === 0 ? undefined : around(sum(estimates, ({ log }) => log) / estimates.length, halfOfThese(estimates))
}

/**
 * The ratio on the machines that these were taken from: random effects, with
 * the interval by Hartung and Knapp ("A refined method for the meta-analysis of
 * controlled clinical trials with binary outcome", Statistics in Medicine 20,
 * 2001), t with k - 1 degrees of freedom, and equal weights.
 *
 * Equal, because weights by noise promise too much: with five to ten machines
 * of unequal noise whose ratios differ by half a percent the interval then
 * covers some 90 % instead of 95, and the usual prediction interval (Higgins,
 * Thompson and Spiegelhalter, Journal of the Royal Statistical Society A 172,
 * 2009) still less; test/stats/coverage.test.ts. With equal weights the interval covers at least 95 % whatever the
 * noise of each machine is: Bakirov and Székely, "Student's t-test for Gaussian
 * scale mixtures", Journal of Mathematical Sciences 139, 2006. It is never
 * narrower than that of these machines: who generalizes knows no more.
 *
 * The prediction interval has the same t and the standard deviation of the
 * ratios as they were measured; noise and all, so where machines hardly differ
 * it is too wide rather than too narrow.
 *
 * Undefined below MIN_FOR_POPULATION machines.
 */
export function machinesLikeThese (estimates: readonly Estimate[]): PopulationRatio | undefined {
  const k = estimates.length

  if (k < MIN_FOR_POPULATION) {
    return undefined
  }

  const { mean, error } = hartungKnapp(estimates, estimates.map(() => 1))
  const t = quantile(k - 1)
  const half = Math.max(t * error, halfOfThese(estimates))
  const { ratio, low, high } = around(mean, half)
  const predicted = around(mean, Math.hypot(t * error * Math.sqrt(k), half))

  return { ratio, low, high, predictedLow: predicted.low, predictedHigh: predicted.high, tau: Math.sqrt(pauleMandel(estimates)) }
}

/** Weighted mean of the estimates and its standard error, with one degree of freedom less than there are estimates. */
export function hartungKnapp (estimates: readonly Pick<Estimate, 'log'>[], weights: readonly number[]): { mean: number, error: number } {
  const { mean, weight, q } = pool(estimates, weights)

  return { mean, error: Math.sqrt(q / (estimates.length - 1) / weight) }
}

/**
 * Variance between machines by Paule and Mandel, "Consensus values and
 * weighting factors", Journal of Research of the National Bureau of Standards
 * 87, 1982: the one at which Q is what it is expected to be, k - 1; 0 when Q is
 * not above that without any. Newton's steps from 0 on this falling, convex
 * function never jump over the root. DerSimonian and Kacker, "Random-effects
 * model for meta-analysis of clinical trials: an update", Contemporary Clinical
 * Trials 28, 2007.
 */
export function pauleMandel (estimates: readonly Estimate[]): number {
  let tauSquared = 0

  for (let step = 0; step < 1000; step++) {
    const { q, slope } = pool(estimates, estimates.map(({ error }) => 1 / (Math.max(error ** 2, LEAST_VARIANCE) + tauSquared)))
    const change = (q - (estimates.length - 1)) / slope

    // Also ends on NaN, when all agree exactly.
    if (!(change > 1e-14 * tauSquared)) {
      break
    }

    tauSquared += change
  }

  return tauSquared
}

/** Degrees of freedom of the sum of these estimates' squared errors; Infinity when nothing varies. */
export function satterthwaite (estimates: readonly Pick<Estimate, 'error' | 'freedom'>[]): number {
  const total = sum(estimates, ({ error }) => error ** 2) ** 2

  return total === 0 ? Infinity : total / sum(estimates, ({ error, freedom }) => error ** 4 / freedom)
}

/** Half the width of the interval of theseMachines, as a logarithm. */
function halfOfThese (estimates: readonly Estimate[]): number {
  const variance = sum(estimates, ({ error }) => error ** 2) / estimates.length ** 2

  return quantile(satterthwaite(estimates)) * Math.sqrt(variance)
}

interface Pool {
  mean: number
  /** Sum of the weights. */
  weight: number
  /** Weighted sum of squares, Cochran's Q. */
  q: number
  /** By how much q falls per variance that is added to the reciprocal of every weight. */
  slope: number
}

function pool (estimates: readonly Pick<Estimate, 'log'>[], weights: readonly number[]): Pool {
  const weighted = estimates.map(({ log }, i) => ({ log, weight: weights[i] as number }))
  const weight = sum(weighted, machine => machine.weight)
  const mean = sum(weighted, machine => machine.weight * machine.log) / weight

  return {
    mean,
    weight,
    q: sum(weighted, machine => machine.weight * (machine.log - mean) ** 2),
    slope: sum(weighted, machine => (machine.weight * (machine.log - mean)) ** 2)
  }
}

function quantile (freedom: number): number {
  return studentQuantile((1 + CONFIDENCE) / 2, freedom)
}

function around (log: number, half: number): AcrossRatio {
  return { ratio: Math.exp(log), low: Math.exp(log - half), high: Math.exp(log + half) }
}

function sum<T> (items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
