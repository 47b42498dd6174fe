import { COUNTERS } from '../model/counters.ts'
import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { lagCorrelation } from '../stats/lag-correlation.ts'
import { medianAbsoluteDeviation } from '../stats/mad.ts'
import { MIN_FOR_INTERVAL } from '../stats/median-interval.ts'
import { mean, standardDeviation } from '../stats/moments.ts'
import { outlierPlaces } from '../stats/outliers.ts'
import { ascending, median, quantileOfSorted } from '../stats/quantile.ts'
import { spearman } from '../stats/spearman.ts'
import { relativeTrend } from '../stats/trend.ts'
import type { Counts } from '../model/counters.ts'
import type { Sample } from '../model/sample.ts'
import type { MedianInterval } from '../stats/median-interval.ts'
import type { Correlation } from '../stats/spearman.ts'

/** Below this many runs the outer percentiles are the outermost runs under another name. */
export const MIN_FOR_PERCENTILES = 20

/**
 * One tick in four milliseconds is what most distributions' kernels have
 * (CONFIG_HZ=250); where it is a hundredth of a second, 50 of them here are 20
 * there.
 */
const TICK_NS = 4e6

/** Below this many ticks over all runs, which of them fell into the kernel is chance. */
const MIN_TICKS = 50

/** All that is reported of one command on one worker. Times are nanoseconds, and of the wall clock unless they say otherwise. */
export interface Statistics {
  runs: number
  min: number
  median: number
  /** Of the median, 95 %; from six runs on. */
  interval?: MedianInterval
  mean: number
  /** Standard deviation, from two runs on. */
  deviation?: number
  /** Median absolute deviation, unscaled. */
  mad: number
  /** 5th and 95th percentile, from MIN_FOR_PERCENTILES runs on. */
  p5?: number
  p95?: number
  max: number
  /** Runs far from all others, which are kept: hyperfine's rule. */
  outliers: number
  /** The first run is one of them, and slower. */
  slowFirst: boolean
  /** How the times change with the order of the runs; from six runs on. */
  drift?: Drift
  /** Of neighbouring runs; from six runs on. */
  autocorrelation?: number
  /** CPU time, the median. */
  cpu: number
  /** Means of user and system time; absent when there were too few clock ticks to tell them apart. */
  split?: { user: number, system: number }
  /** Peak memory in bytes: the median of the runs, and the most; where it was not billed run by run, only the one of all. */
  memoryBytes?: number
  memoryMost?: number
  /** Medians. */
  minorFaults: number
  majorFaults: number
  voluntarySwitches: number
  involuntarySwitches: number
  /** How the runs ended, `0`, `3`, `SIGKILL (wall limit)`, and how many did; the most frequent first. */
  exits: Array<{ how: string, runs: number }>
  /** Medians of those counters that every run has. */
  counters: Counts
}

/** Spearman's correlation of time with order, and the change from the first run to the last as a fraction of the median. */
export interface Drift extends Correlation {
  change: number
}

/**
 * @param samples - of one command on one worker, in the order in which they were measured
 * @param memoryBytes - their peak, where it was not billed run by run
 * @returns undefined when there are no runs
 */
export function statisticsOf (samples: readonly Sample[], memoryBytes?: number): Statistics | undefined {
  if (samples.length === 0) {
    return undefined
  }

  const wall = samples.map(sample => sample.wallNs)
  const sorted = ascending(wall)
  const interval = medianIntervalOfSeries(wall)
  const deviation = standardDeviation(wall)
  const outliers = outlierPlaces(wall)
  const drift = driftOf(wall)
  const autocorrelation = wall.length < MIN_FOR_INTERVAL ? undefined : lagCorrelation(wall)
  const split = splitOf(samples)

  return {
    runs: samples.length,
    min: quantileOfSorted(sorted, 0),
    median: quantileOfSorted(sorted, 0.5),
    ...(interval == null ? {} : { interval }),
    mean: mean(wall),
    ...(deviation == null ? {} : { deviation }),
    mad: medianAbsoluteDeviation(wall),
    ...(samples.length < MIN_FOR_PERCENTILES ? {} : { p5: quantileOfSorted(sorted, 0.05), p95: quantileOfSorted(sorted, 0.95) }),
    max: quantileOfSorted(sorted, 1),
    outliers: outliers.length,
    slowFirst: outliers[0] === 0 && (wall[0] ?? 0) > quantileOfSorted(sorted, 0.5),
    ...(drift == null ? {} : { drift }),
    ...(autocorrelation == null ? {} : { autocorrelation }),
    cpu: median(samples.map(sample => sample.cpuNs)),
    ...(split == null ? {} : { split }),
    ...memoryOf(samples, memoryBytes),
    minorFaults: median(samples.map(sample => sample.minorFaults)),
    majorFaults: median(samples.map(sample => sample.majorFaults)),
    voluntarySwitches: median(samples.map(sample => sample.voluntarySwitches)),
    involuntarySwitches: median(samples.map(sample => sample.involuntarySwitches)),
    exits: exitsOf(samples),
    counters: countersOf(samples)
  }
}

function driftOf (wall: readonly number[]): Drift | undefined {
  const correlation = wall.length < MIN_FOR_INTERVAL ? undefined : spearman(wall)
  const change = relativeTrend(wall)

  return correlation == null || change == null ? undefined : { ...correlation, change }
}

/** Kernels bill user and system time by what a clock tick happens to interrupt; only their sum is exact. */
function splitOf (samples: readonly Sample[]): Statistics['split'] {
  const user = mean(samples.map(sample => sample.userNs))
  const system = mean(samples.map(sample => sample.systemNs))

  return (user + system) * samples.length < MIN_TICKS * TICK_NS ? undefined : { user, system }
}

function memoryOf (samples: readonly Sample[], memoryBytes: number | undefined): Pick<Statistics, 'memoryBytes' | 'memoryMost'> {
  const each = samples.flatMap(sample => sample.memoryBytes ?? [])

  if (each.length === samples.length) {
    return { memoryBytes: Math.round(median(each)), memoryMost: each.reduce((most, bytes) => Math.max(most, bytes)) }
  }

  return memoryBytes == null ? {} : { memoryBytes }
}

function exitsOf (samples: readonly Sample[]): Statistics['exits'] {
  const counts = new Map<string, number>()

  for (const { exit, limit } of samples) {
    const how = `${exit.kind === 'code' ? exit.code : exit.signal}${limit == null ? '' : ` (${limit} limit)`}`

    counts.set(how, (counts.get(how) ?? 0) + 1)
  }

  return [...counts].map(([how, runs]) => ({ how, runs })).sort((a, b) => b.runs - a.runs)
}

function countersOf (samples: readonly Sample[]): Counts {
  return Object.fromEntries(COUNTERS.flatMap(counter => {
    const counts = samples.flatMap(sample => sample.counters?.[counter] ?? [])

    return counts.length < samples.length ? [] : [[counter, median(counts)]]
  }))
}
