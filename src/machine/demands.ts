import { effectiveLimits } from '../model/limits.ts'
import { missingRequirements } from '../model/requirements.ts'
import type { Job } from '../model/job.ts'
import type { Limits } from '../model/limits.ts'
import type { WorkerInfo } from '../model/machine.ts'

type Offer = Pick<WorkerInfo, 'sandbox' | 'ceilings'>
type Demand = Pick<Job, 'require' | 'limits'>

/**
 * The limits under which a worker that was chosen for a job does it; or why it
 * must not, in one line: a protection that the job insists on is missing, or
 * it asks for more than the worker allows.
 */
export function meetDemand (worker: Offer, { require = [], limits }: Demand): { limits: Limits } | { refusal: string } {
  const missing = missingRequirements(worker.sandbox, require)

  return missing.length > 0
    ? { refusal: `its sandbox lacks ${missing.join(', ')}, which the job requires` }
    : effectiveLimits(limits, worker.ceilings)
}

/** Why a worker must not do a job although it is chosen for it; undefined when nothing is in the way. */
export function unmetDemand (worker: Offer, job: Demand): string | undefined {
  const met = meetDemand(worker, job)

  return 'refusal' in met ? met.refusal : undefined
}
