import type { Job } from './job.ts'
import type { WorkerInfo } from './machine.ts'
import type { ExecutionResult, Outcome } from './result.ts'
import type { TaskState } from './states.ts'

/** A worker's share of a job and what became of it. */
export interface FinishedWorker {
  info: WorkerInfo
  task: string
  state: TaskState
  /** One line for people, when the state is not `done`. */
  reason?: string
  /** The worker's own record; absent when there is none (lost, cancelled before it began). */
  result?: ExecutionResult
  /** False when it started later than the others because it was busy. */
  simultaneous?: boolean
  /** Records that do not count: it ran elsewhere as well, or (`conflict`) its worker has said two different things of one execution. */
  duplicates?: Array<{ workerName: string, outcome: Outcome, conflict?: boolean }>
}

/** All that a rendering needs of a job that ended. */
export interface FinishedJob {
  job: Job
  /** Every worker that was targeted, in any order. */
  workers: FinishedWorker[]
  /** How far apart the workers started that started together. */
  startSkewNs?: number
}
