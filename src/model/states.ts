import type { Outcome } from './result.ts'

/** A worker, as users see it. */
export type WorkerState = 'waiting' | 'reserved' | 'running' | 'failed, restarting' | 'finished, delivering' | 'draining' | 'lost'

/** A worker that has said nothing for this long is lost. */
export const WORKER_LOST_MS = 25_000

/** A worker says where it stands on each change and at least this often. */
export const WORKER_REPORT_MS = 10_000

/** A task, as users see it. The last row are its ends; all but `lost` and `cancelled` come from the worker's record. */
export type TaskState =
  | 'queued' | 'reserving' | 'sending' | 'starting' | 'running' | 'cancelling'
  | Outcome | 'lost'

export const TASK_ENDS: readonly TaskState[] = ['done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted', 'lost']

export function isTaskEnd (state: TaskState): boolean {
  return TASK_ENDS.includes(state)
}

export type JobState = 'queued' | 'running' | 'finished' | 'cancelled'
