import { DEFAULT_QUIET_MS } from '../model/plan.ts'
import type { JobPlan } from '../model/job-plan.ts'
import type { Job } from '../model/job.ts'
import type { JobDraft } from '../roles/client/types.ts'

/** What would become of a job, and what it asks for. */
export interface PlanInfo extends JobPlan, Pick<Job, 'kind' | 'plan' | 'retry' | 'priority' | 'deadlineMs' | 'retryLostMs'> {
  /** Of what measures: each worker waits for a quiet machine first, so long at most. */
  quietMs?: number
  /** Lines for the user. */
  hints: string[]
}

export function planInfo (planned: JobPlan, { kind, plan, retry, priority, deadlineMs, retryLostMs, quietMs = DEFAULT_QUIET_MS }: JobDraft, hints: string[]): PlanInfo {
  return {
    ...planned,
    kind,
    plan,
    ...(kind === 'run' ? { quietMs } : {}),
    ...(retry == null ? {} : { retry }),
    ...(priority == null ? {} : { priority }),
    ...(deadlineMs == null ? {} : { deadlineMs }),
    ...(retryLostMs == null ? {} : { retryLostMs }),
    hints
  }
}
