import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'
import type { ExecutionResult, Outcome } from '../../../model/result.ts'
import type { JobState, TaskState, WorkerState } from '../../../model/states.ts'
import type { OutputStream } from '../task/messages.ts'

/** Where a client has got to in one output stream, so that nothing comes twice. */
export interface OutputOffset {
  execution: string
  stream: OutputStream
  offset: number
}

/** What a client asks; one request a stream. */
export type SubmitRequest =
  /** The job as sealed by its client. */
  | { kind: 'submit', job: Uint8Array }
  /** Follow a job to its end; `selector` is an id, a unique suffix, a --name or @last. */
  | { kind: 'attach', selector: string, output: boolean, offsets: OutputOffset[], follow: boolean }
  | { kind: 'cancel', selector: string }
  | { kind: 'nodes' }
  | { kind: 'jobs', limit: number }
  | { kind: 'show', selector: string }

/** Another record of a task than the one that counts: it ran on both sides of a partition, or was run again. */
export interface Duplicate {
  execution: string
  workerName: string
  outcome: Outcome
  reason?: string
  /** Of the very execution that counts: its worker has said two different things of it. */
  conflict?: boolean
}

export interface TaskView {
  task: string
  /** Peer id; absent while no worker has it. */
  worker?: string
  workerName: string
  state: TaskState
  /** One line for people: why it waits, failed, was refused. */
  reason?: string
  attempt: number
  simultaneous?: boolean
  info?: WorkerInfo
  /** Absent when it ran once. */
  duplicates?: Duplicate[]
}

export interface JobView {
  job: Job
  state: JobState
  tasks: TaskView[]
  /** The coordinator's clock, milliseconds since 1970. */
  acceptedAt: number
  finishedAt?: number
  startSkewNs?: number
}

export interface JobRow {
  id: string
  name?: string
  title: string
  kind: 'run' | 'exec'
  state: JobState
  acceptedAt: number
  finishedAt?: number
  tasks: number
  ended: number
  failed: number
  mine: boolean
}

export interface NodeRow {
  role: 'master' | 'worker'
  peerId: string
  name: string
  /** `coordinator` or `standby` for a master. */
  state: WorkerState | 'coordinator' | 'standby'
  detail?: string
  draining: boolean
  /** Time in this state, and since the last word, milliseconds. */
  sinceMs: number
  lastHeardMs: number
  info?: WorkerInfo
  term?: number
  version: string
  addresses: string[]
}

/** What a master answers; lists come a row a message, and the stream is closed after the last. */
export type SubmitReply =
  /** Durable on these masters; `leftOut` are live ones that made no progress. `existing` = this very job was accepted before. */
  | { kind: 'accepted', id: string, masters: string[], existing: boolean, leftOut?: string[] }
  /** Upload this payload by the payload protocol, then submit again. */
  | { kind: 'need-payload', payload: string }
  | { kind: 'refused', code: 'refused' | 'conflict' | 'quota' | 'no-worker' | 'usage' | 'failed', reason: string }
  | { kind: 'job', view: JobView }
  | { kind: 'task', view: TaskView }
  | { kind: 'phase', task: string, phase: 'waiting-for-machine' | 'running', detail?: string }
  /** Chunks of the payload that this worker has. */
  | { kind: 'transfer', task: string, chunks: number, of: number }
  | { kind: 'progress', task: string, command: number, runs: number, of?: number, medianNs?: number }
  | { kind: 'output', execution: string, task: string, stream: OutputStream, offset: number, data: Uint8Array }
  | { kind: 'result', task: string, result: ExecutionResult }
  /** No more will come: the job has ended, or (without follow) this is all there is. */
  | { kind: 'end', view: JobView }
  | { kind: 'cancelled', id: string, pending: string[] }
  | { kind: 'node', row: NodeRow }
  | { kind: 'row', row: JobRow }
