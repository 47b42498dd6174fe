import { metricOf } from '../../model/comparison.ts'
import { commandTitle } from '../../model/job.ts'
import { medianIntervalOfSeries } from '../../stats/autocorrelation.ts'
import { median } from '../../stats/quantile.ts'
import { oneLine, problemText, rowsOf } from '../rows.ts'
import type { Metric } from '../../model/comparison.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { MedianInterval } from '../../stats/median-interval.ts'
import type { ResultSet } from '../result-sets.ts'

/** The runs of one command on one worker. */
export interface Measured {
  worker: string
  /** Command line or name; with the job's own, where there are several jobs. */
  command: string
  parameters: Record<string, string>
  /** Logical processors of the worker; absent = not known. */
  cores?: number
  /** Wall times in nanoseconds, or what else was asked for, in the order of the runs; empty when there is nothing to rely on. */
  values: number[]
  median?: number
  /** Of the median, 95 %; from six runs on. */
  interval?: MedianInterval
  /** Why there are no values, or not all of them. */
  problem?: string
}

const BY_NAME = new Intl.Collator('en', { numeric: true })

/** A job whose worker did several tasks with one command, as with `--each`, has one entry for all of them. Runs that were not billed for the metric are left out. `only`: index of the one command that is wanted. */
export function measuredOf (finished: FinishedJob, label?: string, metric: Metric = 'wall', only?: number): Measured[] {
  const groups = new Map<string, Omit<Measured, 'median' | 'interval'>>()

  for (const { worker: { info }, command, samples, problem } of rowsOf(finished).filter(row => only == null || row.command === only)) {
    const key = `${info.name}\n${command}`
    const job = finished.job.commands[command]
    const group = groups.get(key) ?? {
      worker: info.name,
      command: label ?? oneLine(commandTitle(job ?? { argv: [] })),
      parameters: job?.parameters ?? {},
      ...(info.resources.cores > 0 ? { cores: info.resources.cores } : {}),
      values: []
    }

    groups.set(key, group)

    if (problem == null) {
      group.values.push(...samples.flatMap(sample => metricOf(sample, metric) ?? []))
    } else {
      group.problem ??= problemText(problem)
    }
  }

  return [...groups.values()].map(withFigures)
}

/** Of a file with results; what has no worker was measured where it was. */
export function measuredOfSet ({ commands, label }: ResultSet, withLabel: boolean): Measured[] {
  return commands.map(({ worker, command, values, problem }) => withFigures({
    worker: worker?.name ?? 'here',
    command: withLabel ? `${label}: ${oneLine(command)}` : oneLine(command),
    parameters: {},
    values: values.wall ?? [],
    ...(problem == null ? {} : { problem })
  }))
}

/** By worker, as people count, and of one worker in the order given. */
export function byWorker (measured: readonly Measured[]): Measured[] {
  return [...measured].sort((a, b) => BY_NAME.compare(a.worker, b.worker))
}

/** Each once, in the order in which they come. */
export function commandsOf (measured: readonly Measured[]): string[] {
  return [...new Set(measured.map(({ command }) => command))]
}

function withFigures (measured: Omit<Measured, 'median' | 'interval'>): Measured {
  const interval = medianIntervalOfSeries(measured.values)

  return measured.values.length === 0 ? measured : { ...measured, median: median(measured.values), ...(interval == null ? {} : { interval }) }
}
