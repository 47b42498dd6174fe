import { comparisonRecords } from './comparison-records.ts'
import { recordsOf } from './records.ts'
import { toJson } from './to-json.ts'
import type { FinishedJob } from '../model/finished.ts'

/** One line for each result, then for each failure and each comparison, told apart by `state`; the objects of renderJson, with the job's id in each. */
export function renderNdjson (finished: FinishedJob): string {
  const { results, failures } = recordsOf(finished)

  return [
    ...results.map(result => ({ ...result, job: finished.job.id, state: 'done' })),
    ...failures.map(failure => ({ ...failure, job: finished.job.id })),
    ...comparisonRecords(finished).map(comparison => ({ ...comparison, job: finished.job.id, state: 'comparison' }))
  ].map(line => `${toJson(line)}\n`).join('')
}
