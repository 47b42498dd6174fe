import { comparisonRecords } from './comparison-records.ts'
import { recordsOf } from './records.ts'
import { toJson } from './to-json.ts'
import type { FinishedJob } from '../model/finished.ts'

/**
 * hyperfine's `--export-json` with further keys: `results` holds what succeeded,
 * `failures` what did not, `comparisons` each command beside the first where
 * they are compared, `job` what it belongs to. Ends in a newline.
 */
export function renderJson (finished: FinishedJob): string {
  const { job, startSkewNs } = finished

  return `${toJson({
    ...recordsOf(finished),
    ...(job.comparison == null ? {} : { comparisons: comparisonRecords(finished) }),
    job: {
      id: job.id,
      ...(job.name == null ? {} : { name: job.name }),
      submitted: new Date(job.submittedAt).toISOString(),
      ...(startSkewNs == null ? {} : { start_skew: startSkewNs / 1e9 })
    }
  }, 2)}\n`
}
