import { metricOf, type Metric } from '../../model/comparison.ts'
import { medianIntervalOfSeries } from '../../stats/autocorrelation.ts'
import { median } from '../../stats/quantile.ts'
import type { Measured } from '../../report/plot/measured.ts'
import type { SampleFigures } from '../../model/sample.ts'

/** Runs of one command on one worker, as they come. */
export interface LiveRuns {
  /** That have been measured there. */
  runs: number
  /** The last of those that were told here, in order. */
  told: readonly SampleFigures[]
  /** How many were told here at all. */
  toldRuns: number
}

export const NO_RUNS: LiveRuns = { runs: 0, told: [], toldRuns: 0 }

/** Runs that are kept of one row until the job has ended, and of all rows together: more would tell the eye nothing. */
const MAX_KEPT = 1_000
const MAX_ALL_KEPT = 20_000

/** @param rows - commands on workers, all together */
export function keptRuns (rows: number): number {
  return Math.max(20, Math.min(MAX_KEPT, Math.floor(MAX_ALL_KEPT / Math.max(1, rows))))
}

/**
 * Adds what a report says, of which some may have been said before: the last
 * of `latest` is run number `runs`. Fewer runs than before are those of
 * another attempt. Pure.
 */
export function addRuns (known: LiveRuns, runs: number, latest: readonly SampleFigures[], kept: number): LiveRuns {
  const before = runs < known.runs ? NO_RUNS : known
  const fresh = runs === before.runs ? [] : latest.slice(-(runs - before.runs))

  return { runs, told: [...before.told, ...fresh].slice(-kept), toldRuns: before.toldRuns + fresh.length }
}

/** A row of a chart. Runs that are not billed for what is asked are left out. */
export function measuredOf (worker: string, command: string, { told }: LiveRuns, metric: Metric): Measured {
  const values = told.flatMap(figures => metricOf(figures, metric) ?? [])
  const interval = medianIntervalOfSeries(values)

  return {
    worker,
    command,
    parameters: {},
    values,
    ...(values.length === 0 ? {} : { median: median(values) }),
    ...(interval == null ? {} : { interval })
  }
}
