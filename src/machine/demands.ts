import { effectiveLimits } from '../model/limits.ts'
import { missingRequirements } from '../model/requirements.ts'
import { limitsAsked } from '../model/task-commands.ts'
import { variantFor } from './variants.ts'
import type { Job } from '../model/job.ts'
import type { Limits } from '../model/limits.ts'
import type { WorkerInfo } from '../model/machine.ts'

type Offer = Pick<WorkerInfo, 'sandbox' | 'ceilings' | 'grants'>
type Demand = Pick<Job, 'require' | 'limits' | 'coldCache'> & Partial<Pick<Job, 'commands' | 'map' | 'variants'>>

/**
 * The limits under which a worker that was chosen for a job does it; or why it
 * must not, in one line: a protection that the job insists on is missing, or
 * it asks for more than the worker allows.
 *
 * @param task - the one entry of a map that is meant; otherwise all of them
 */
export function meetDemand (worker: Offer, job: Demand, task?: string): { limits: Limits } | { refusal: string } {
  const { require = [], coldCache } = job
  const missing = missingRequirements(worker.sandbox, require)

  if (missing.length > 0) {
    return { refusal: `its sandbox lacks ${missing.join(', ')}, which the job requires` }
  }

  return coldCache === true && worker.grants?.includes('cold-cache') !== true
    ? { refusal: 'its owner does not let jobs empty its file cache (--allow-cold-cache)' }
    : effectiveLimits(limitsAsked(job, task), worker.ceilings)
}

/** Why a worker must not do a job although it is chosen for it; undefined when nothing is in the way. */
export function unmetDemand (worker: Offer & Partial<WorkerInfo>, job: Demand, task?: string): string | undefined {
  const met = meetDemand(worker, job, task)

  if (job.variants != null && isWhole(worker)) {
    const variant = variantFor(worker, job.variants)

    if ('refusal' in variant) {
      return variant.refusal
    }
  }

  return 'refusal' in met ? met.refusal : undefined
}

function isWhole (worker: Offer & Partial<WorkerInfo>): worker is WorkerInfo {
  return worker.resources != null && worker.labels != null
}
