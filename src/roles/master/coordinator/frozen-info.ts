import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'

/** One object for all jobs of a worker, as long as it says the same of itself. */
const frozen = new WeakMap<WorkerInfo, WorkerInfo>()

/**
 * What is kept with a job of a worker that it is for: what decides whether that
 * may do it, which every master has to see alike, and what rows and tables say
 * of the machine. Not what only matters while it is there, nor what its result
 * says as well.
 */
export function frozenInfo (info: WorkerInfo, { variants }: Pick<Job, 'variants'>): WorkerInfo {
  const known = frozen.get(info)
  const kept = known ?? withoutPresent(info)

  frozen.set(info, kept)

  // which file is a worker's may depend on what is installed there
  return variants == null || info.tools == null ? kept : { ...kept, tools: info.tools }
}

function withoutPresent ({ addresses, noise, tools, sandbox, ...info }: WorkerInfo): WorkerInfo {
  return sandbox == null ? info : { ...info, sandbox: { ...sandbox, canaries: {} } }
}
