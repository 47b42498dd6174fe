import { metricOf, type Metric } from '../model/comparison.ts'
import { printable } from '../model/text.ts'
import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { median } from '../stats/quantile.ts'
import { problemText, rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { NoiseGrade } from '../model/noise.ts'

/** One job in the history of one command on one worker. */
export interface HistoryPoint {
  job: string
  /** When the job was accepted, milliseconds since 1970. */
  at: number
  runs: number
  /** Nanoseconds or bytes; absent when there is nothing to rely on. */
  median?: number
  /** 95 %; from six runs on. */
  interval?: { low: number, high: number }
  noise?: NoiseGrade
  /** Why there is no median. */
  problem?: string
}

/** One command on one worker, job after job. */
export interface HistoryLine {
  worker: string
  peerId: string
  command: string
  /** The oldest first. */
  points: HistoryPoint[]
}

/** What one job has for the history. */
export type JobHistory = ReadonlyArray<Omit<HistoryLine, 'points'> & { point: HistoryPoint }>

export function historyOf (finished: FinishedJob, at: number, metric: Metric): JobHistory {
  return rowsOf(finished).map(({ worker: { info, result }, title, samples, problem }) => {
    const values = problem == null ? samples.flatMap(sample => metricOf(sample, metric) ?? []) : []
    const isBilled = values.length > 0 && values.length === samples.length
    const interval = isBilled ? medianIntervalOfSeries(values) : undefined

    return {
      worker: printable(info.name, 60),
      peerId: info.peerId,
      command: title,
      point: {
        job: finished.job.id,
        at,
        runs: samples.length,
        ...(isBilled ? { median: median(values) } : { problem: problem == null ? 'not measured' : problemText(problem) }),
        ...(interval == null ? {} : { interval: { low: interval.low, high: interval.high } }),
        ...(result?.noise == null ? {} : { noise: result.noise.grade })
      }
    }
  })
}

/** Jobs in any order, as a line for each command on each worker. */
export function historyLines (jobs: readonly JobHistory[]): HistoryLine[] {
  const lines = new Map<string, HistoryLine>()

  for (const { point, ...line } of jobs.flat()) {
    const key = JSON.stringify([line.peerId, line.command])
    const known = lines.get(key)

    if (known == null) {
      lines.set(key, { ...line, points: [point] })
    } else {
      known.points.push(point)
    }
  }

  return [...lines.values()].map(line => ({ ...line, points: line.points.sort((a, b) => a.at - b.at) }))
}
