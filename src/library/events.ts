import { fullJob, type FullJob } from '../report/full.ts'
import type { ExecutionResult } from '../model/result.ts'
import type { SampleFigures } from '../model/sample.ts'
import type { ItemEnd, JobView, StateCount, SubmitReply, TaskView } from '../node/protocol/submit/messages.ts'

/** What is known of a job and its tasks. */
export interface JobInfo extends Omit<JobView, 'job'> {
  /** As it was submitted; of its environment only the names. */
  job: FullJob
}

/** What happens to a job that is followed, in the order in which it becomes known. */
export type JobEvent =
  /** The first one, and again after another master was turned to. */
  | { kind: 'job', view: JobInfo }
  /** The state of a task has changed. */
  | { kind: 'task', view: TaskView }
  | { kind: 'phase', task: string, phase: 'waiting-for-machine' | 'running', detail?: string }
  /** Chunks of the payload that a worker has. */
  | { kind: 'transfer', task: string, chunks: number, of: number, note?: string }
  /** Runs that are measured; `latest`: figures of the last of them, in their order, while they come faster than they are told not of all. */
  | { kind: 'progress', task: string, command: number, runs: number, of?: number, medianNs?: number, latest?: SampleFigures[] }
  /** Each byte comes once. */
  | { kind: 'output', execution: string, task: string, stream: 'stdout' | 'stderr', offset: number, data: Uint8Array }
  /** A worker's own record of its task. */
  | { kind: 'result', task: string, result: ExecutionResult }
  /** Of a job with items: how many are in which state. */
  | { kind: 'counts', counts: StateCount[] }
  /** Items that have ended, each once; output that is not here follows as `output`. */
  | { kind: 'items', items: ItemEnd[] }
  /** The last one. */
  | { kind: 'end', view: JobInfo }

export function jobInfo ({ job, ...view }: JobView): JobInfo {
  return { ...view, job: fullJob(job) }
}

/** What a master says of a job, as the library tells it; undefined for what is no event of one. */
export function jobEvent (reply: SubmitReply): JobEvent | undefined {
  switch (reply.kind) {
    case 'job':
    case 'end':
      return { kind: reply.kind, view: jobInfo(reply.view) }
    case 'task':
    case 'phase':
    case 'transfer':
    case 'progress':
    case 'output':
    case 'result':
    case 'counts':
    case 'items':
      return reply
    default:
      return undefined
  }
}
