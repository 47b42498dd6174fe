import type { Sample } from './sample.ts'

/** What two commands are compared by. */
export const METRICS = ['wall', 'cpu', 'memory'] as const

export type Metric = typeof METRICS[number]

/** How the commands of a job are compared: each with the first one, in pairs of runs next to each other. */
export interface Comparison {
  metric: Metric
  /** Differences within this count as none, as a fraction: 0.01 is 1 %. */
  margin: number
  /** Slower by more than this fraction, by the evidence, is a regression. */
  failIfSlower?: number
  /** A comparison that does not come to a verdict is a regression too. */
  failIfUndecided: boolean
  /** Name of the stored baseline that the first command is. */
  baseline?: string
}

/** Design: within 1 % nothing is better than the other. */
export const DEFAULT_MARGIN = 0.01

/** What is compared of a run: nanoseconds or bytes; undefined when the run was not billed for it. */
export function metricOf (sample: Pick<Sample, 'wallNs' | 'cpuNs' | 'memoryBytes'>, metric: Metric): number | undefined {
  switch (metric) {
    case 'wall': return sample.wallNs
    case 'cpu': return sample.cpuNs
    case 'memory': return sample.memoryBytes
  }
}
