import { type Metric, metricOf } from '../../model/comparison.ts'
import type { FinishedJob } from '../../model/finished.ts'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { cpuText, medianText, timeDecimals, timeText, unitFor } from '../../report/quantities.ts'
import { rowsOf, type Row } from '../../report/rows.ts'
import { DIFFERENT_SESSIONS } from '../../report/side-by-side.ts'
import { medianIntervalOfSeries } from '../../stats/autocorrelation.ts'
import { median } from '../../stats/quantile.ts'
import type { Baseline, BaselineResult } from './baseline-format.ts'

/** How many workers one line tells of. */
const MAX_WORKERS = 4

/** What a session leaves in a baseline, of one of its commands. */
export function summaryOf (finished: FinishedJob, command: number): BaselineResult[] {
  return rowsOf(finished).filter(row => row.command === command && row.figures != null).map(row => {
    const { info } = row.worker
    const { median: medianNs = NaN, interval, cpu: cpuNs = NaN } = row.figures ?? {}
    const memory = valuesOf(row, 'memory')

    return {
      worker: info.name,
      peerId: info.peerId,
      cpu: info.resources.cpuModel,
      runs: row.samples.length,
      medianNs,
      ...(interval == null ? {} : { interval: { lowNs: interval.low, highNs: interval.high } }),
      cpuNs,
      ...(memory == null ? {} : { memoryBytes: median(memory) })
    }
  })
}

/**
 * `baseline main: 41.2 ms then, 41.5 ms now on lab-03: different sessions`; the
 * workers that measured it in both. Undefined when there are none. It is no
 * verdict: machines differ from one session to the next by more than the
 * interval of either says.
 */
export function thenAndNow (baseline: Baseline, finished: FinishedJob, metric: Metric): string | undefined {
  const parts = rowsOf(finished).filter(row => row.command === 0 && row.figures != null).flatMap(row => {
    const { peerId, name } = row.worker.info
    const then = baseline.results.find(result => result.peerId === peerId) ?? baseline.results.find(result => result.worker === name)
    const text = then == null ? undefined : bothText(then, row, metric)

    return text == null ? [] : [`${text} on ${printable(name, 60)}`]
  })

  if (parts.length === 0) {
    return undefined
  }

  const more = parts.length - MAX_WORKERS

  return `baseline ${baseline.name}: ${parts.slice(0, MAX_WORKERS).join('; ')}${more > 0 ? `; and on ${more} more` : ''}: ${DIFFERENT_SESSIONS}`
}

/** The figures of the session in which it was saved. */
export function resultCells ({ medianNs, interval, cpuNs }: BaselineResult): { median: string, cpu: string } {
  const figures = { median: medianNs, interval: interval == null ? undefined : { median: medianNs, low: interval.lowNs, high: interval.highNs, coverage: 0.95 }, min: medianNs, cpu: cpuNs }
  const unit = unitFor(medianNs)

  return { median: medianText(figures, unit), cpu: cpuText(figures, unit) }
}

function bothText (then: BaselineResult, row: Row, metric: Metric): string | undefined {
  const values = valuesOf(row, metric)
  const stored = { wall: then.medianNs, cpu: then.cpuNs, memory: then.memoryBytes }[metric]

  if (values == null || stored == null) {
    return undefined
  }

  const now = median(values)

  if (metric === 'memory') {
    return `${formatBytes(stored)} then, ${formatBytes(now)} now`
  }

  // One unit and as many digits for both, those that the present one deserves.
  const unit = unitFor(now)
  const decimals = timeDecimals({ median: now, interval: medianIntervalOfSeries(values), min: now, cpu: now }, unit)

  return `${timeText(stored, unit, decimals)} then, ${timeText(now, unit, decimals)} now`
}

function valuesOf ({ samples }: Row, metric: Metric): number[] | undefined {
  const values = samples.flatMap(sample => metricOf(sample, metric) ?? [])

  return values.length === 0 || values.length < samples.length ? undefined : values
}
