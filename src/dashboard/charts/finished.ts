import type { FinishedJob } from '../../model/finished.ts'
import type { FullResults } from '../../report/full.ts'

/** As the command line has it; of the environment there are only names, and nothing of what is drawn depends on it. */
export function finishedOf ({ job, workers, startSkewNs }: FullResults): FinishedJob {
  return { job: { ...job, env: {}, payload: undefined, data: undefined, variants: undefined }, workers, ...(startSkewNs == null ? {} : { startSkewNs }) }
}
