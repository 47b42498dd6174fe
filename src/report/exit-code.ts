import { succeeded } from '../model/sample.ts'
import type { FinishedJob } from '../model/finished.ts'

/** What `run` exits with: 0 when every targeted worker did what was asked, 1 when one failed, was stopped, lost or cancelled. */
export function exitCodeOf ({ job, workers }: FinishedJob): 0 | 1 {
  const well = workers.length > 0 && workers.every(worker => worker.state === 'done' &&
    (worker.result?.commands ?? []).every(command => command.notRun == null && command.samples.every(sample => succeeded(sample, job.ignoreFailure))))

  return well ? 0 : 1
}
