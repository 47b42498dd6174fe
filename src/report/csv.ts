import { printable } from '../model/text.ts'
import { median } from '../stats/quantile.ts'
import { comparisonFields } from './comparison-records.ts'
import { recordsOf } from './records.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { ResultRecord } from './records.ts'

/** hyperfine's columns, in its order; those of parameters follow. */
const HYPERFINE = ['command', 'mean', 'stddev', 'median', 'user', 'system', 'min', 'max']
const WHO = ['worker', 'peer_id', 'platform', 'arch', 'cpu', 'state', 'reason', 'runs']

/** Counts and times of the runs are medians. */
const OWN: Record<string, (result: ResultRecord) => number | string | undefined> = {
  median_low: ({ median_interval: interval }) => interval?.[0],
  median_high: ({ median_interval: interval }) => interval?.[1],
  cpu_median: ({ cpu_times: times }) => median(times),
  memory_bytes: ({ memory_usage_byte: bytes }) => bytes?.reduce((most, each) => Math.max(most, each)),
  noise: ({ noise }) => noise?.grade,
  mad: ({ mad }) => mad,
  p5: ({ p5 }) => p5,
  p95: ({ p95 }) => p95,
  outliers: ({ outliers }) => outliers,
  drift_rho: ({ drift }) => drift?.rho,
  drift_p: ({ drift }) => drift?.p,
  drift_change: ({ drift }) => drift?.change,
  autocorrelation: ({ autocorrelation }) => autocorrelation,
  minor_faults: ({ page_faults: { minor } }) => median(minor),
  major_faults: ({ page_faults: { major } }) => median(major),
  voluntary_switches: ({ context_switches: { voluntary } }) => median(voluntary),
  involuntary_switches: ({ context_switches: { involuntary } }) => median(involuntary),
  instructions: ({ counters }) => medianOf(counters?.instructions),
  cycles: ({ counters }) => medianOf(counters?.cycles),
  branch_misses: ({ counters }) => medianOf(counters?.branchMisses),
  cache_misses: ({ counters }) => medianOf(counters?.cacheMisses),
  quiet_wait: ({ quiet_wait: wait }) => wait,
  cores: ({ cores }) => cores?.join(' ')
}

/**
 * hyperfine's `--export-csv` with further columns: a `parameter_<name>` for
 * each parameter, `parameter_worker` among them when there are several
 * workers, then our own, last what a command is beside the first where they
 * are compared. Rows that did not end well have a state and a reason
 * instead of figures. Times are seconds. RFC 4180, with newlines as hyperfine
 * writes them.
 *
 * @param shorter - of a figure that is no whole number
 */
export function renderCsv (finished: FinishedJob, shorter: (figure: number) => number = figure => figure): string {
  const { results, failures } = recordsOf(finished)
  const compared = comparisonFields(finished)
  const several = finished.workers.length > 1
  const parametersOf = ({ parameters, worker }: Pick<ResultRecord, 'parameters' | 'worker'>): Record<string, string> => several ? { worker: worker.name, ...parameters } : parameters ?? {}
  const names = [...new Set([...results, ...failures].flatMap(record => Object.keys(parametersOf(record))))]
  const parameterFields = (record: Pick<ResultRecord, 'parameters' | 'worker'>): string[] => names.map(name => foreign(parametersOf(record)[name] ?? ''))

  const lines = [
    [...HYPERFINE, ...names.map(name => field(`parameter_${name}`)), ...WHO, ...Object.keys(OWN), ...compared.titles],
    ...results.map((result, i) => [
      field(result.command), result.mean, result.stddev ?? 0, result.median, result.user, result.system, result.min, result.max,
      ...parameterFields(result),
      ...workerFields(result.worker), result.ended?.state ?? 'done', foreign(result.ended?.reason ?? ''), result.times.length,
      ...Object.values(OWN).map(column => column(result) ?? ''),
      ...compared.fields[i] ?? []
    ]),
    ...failures.map(failure => [
      field(failure.command), ...HYPERFINE.slice(1).map(() => ''),
      ...parameterFields(failure),
      ...workerFields(failure.worker), failure.state, foreign(failure.reason), failure.times.length,
      ...Object.values(OWN).map(() => ''),
      ...compared.titles.map(() => '')
    ])
  ]

  return lines.map(line => `${line.map(value => typeof value === 'number' && !Number.isInteger(value) ? shorter(value) : value).join(',')}\n`).join('')
}

function medianOf (counts: Array<number | null> | undefined): number | undefined {
  return counts == null || counts.includes(null) ? undefined : median(counts as number[])
}

function workerFields (worker: { name: string, peerId: string, platform: string, arch: string, cpu: string }): string[] {
  return [worker.name, worker.peerId, worker.platform, worker.arch, worker.cpu].map(foreign)
}

/** Text that a worker chose: a spreadsheet must not take it for a formula (OWASP, "CSV Injection"). */
export function foreign (text: string): string {
  return field(/^[=+\-@]/.test(text) ? `'${text}` : text)
}

function field (text: string): string {
  const safe = printable(text, 2_000)

  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
