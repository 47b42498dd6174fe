import { succeeded } from '../model/sample.ts'
import { contendersOf } from './comparison.ts'
import { regressionsOf } from './regressions.ts'
import { rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'

/**
 * What `run` and `compare` exit with: 0 when every targeted worker did what was
 * asked, 1 when one failed, was stopped, lost or cancelled, else 3 when a
 * comparison found what its job calls a regression.
 */
export function exitCodeOf (finished: FinishedJob): 0 | 1 | 3 {
  const { job, workers } = finished
  const well = workers.length > 0 && workers.every(worker => worker.state === 'done' &&
    (worker.result?.commands ?? []).every(command => command.notRun == null && command.samples.every(sample => succeeded(sample, job.ignoreFailure))))

  return !well ? 1 : hasRegression(finished) ? 3 : 0
}

function hasRegression (finished: FinishedJob): boolean {
  const { comparison } = finished.job

  if (comparison == null || (comparison.failIfSlower == null && !comparison.failIfUndecided)) {
    return false
  }

  const contenders = contendersOf(rowsOf(finished), finished)

  return regressionsOf(contenders, comparison).length > 0 ||
    (comparison.failIfUndecided && contenders.some(({ rows }) => rows.some(({ result }) => result?.verdict === 'undecided')))
}
