import { printable } from '../model/text.ts'
import { median } from '../stats/quantile.ts'
import { recordsOf } from './records.ts'
import type { FinishedJob } from '../model/finished.ts'

/** hyperfine's columns, in its order. */
const HYPERFINE = ['command', 'mean', 'stddev', 'median', 'user', 'system', 'min', 'max']
const OWN = ['worker', 'peer_id', 'platform', 'arch', 'cpu', 'state', 'reason', 'runs', 'median_low', 'median_high', 'cpu_median', 'memory_bytes', 'noise']

/**
 * hyperfine's `--export-csv` with further columns, `parameter_worker` among
 * them when there are several workers; rows that did not end well have a state
 * and a reason instead of figures. Times are seconds. RFC 4180, with newlines
 * as hyperfine writes them.
 */
export function renderCsv (finished: FinishedJob): string {
  const { results, failures } = recordsOf(finished)
  const several = finished.workers.length > 1
  const parameter = (name: string): string[] => several ? [foreign(name)] : []

  const lines = [
    [...HYPERFINE, ...(several ? ['parameter_worker'] : []), ...OWN],
    ...results.map(result => [
      field(result.command), result.mean, result.stddev ?? 0, result.median, result.user, result.system, result.min, result.max,
      ...parameter(result.worker.name),
      ...workerFields(result.worker), 'done', '', result.times.length,
      result.median_interval?.[0] ?? '', result.median_interval?.[1] ?? '', median(result.cpu_times), result.memory_usage_byte?.reduce((most, bytes) => Math.max(most, bytes)) ?? '', result.noise?.grade ?? ''
    ]),
    ...failures.map(failure => [
      field(failure.command), ...HYPERFINE.slice(1).map(() => ''),
      ...parameter(failure.worker.name),
      ...workerFields(failure.worker), failure.state, foreign(failure.reason), failure.times.length, '', '', '', '', ''
    ])
  ]

  return lines.map(line => `${line.join(',')}\n`).join('')
}

function workerFields (worker: { name: string, peerId: string, platform: string, arch: string, cpu: string }): string[] {
  return [worker.name, worker.peerId, worker.platform, worker.arch, worker.cpu].map(foreign)
}

/** Text that a worker chose: a spreadsheet must not take it for a formula (OWASP, "CSV Injection"). */
function foreign (text: string): string {
  return field(/^[=+\-@]/.test(text) ? `'${text}` : text)
}

function field (text: string): string {
  const safe = printable(text, 2_000)

  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
