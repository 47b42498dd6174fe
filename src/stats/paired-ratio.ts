import { MIN_FOR_INTERVAL } from './median-interval.ts'
import { median } from './quantile.ts'

export interface PairedRatio {
  ratio: number
  low: number
  high: number
  pairs: number
  /** Share of pairs in which the contender was smaller, ties half. */
  smaller: number
}

/** Paired Hodges-Lehmann estimate of contender / reference; undefined below MIN_FOR_INTERVAL pairs or when a value is not positive. */
export function pairedRatio (reference: readonly number[], contender: readonly number[]): PairedRatio | undefined {
  const n = Math.min(reference.length, contender.length)

  if (n < MIN_FOR_INTERVAL || ![...reference, ...contender].every(value => value > 0)) {
    return undefined
  }

  const logs = Array.from({ length: n }, (_, i) => Math.log((contender[i] as number) / (reference[i] as number)))
  const averages = new Float64Array(n * (n + 1) / 2)
  let at = 0

  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      averages[at++] = ((logs[i] as number) + (logs[j] as number)) / 2
    }
  }

  averages.sort()

  const rank = Math.max(0, Math.floor(at / 2 - 1.96 * Math.sqrt(n * (n + 1) * (2 * n + 1) / 24) - 0.5))

  return {
    ratio: Math.exp(median([...averages])),
    low: Math.exp(averages[rank] as number),
    high: Math.exp(averages[at - 1 - rank] as number),
    pairs: n,
    smaller: logs.reduce((sum, log) => sum + (log < 0 ? 1 : log === 0 ? 0.5 : 0), 0) / n
  }
}
