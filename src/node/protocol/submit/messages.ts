import type { Collected } from '../../../model/collect.ts'
import type { Job } from '../../../model/job.ts'
import type { JobPlan } from '../../../model/job-plan.ts'
import type { WorkerInfo } from '../../../model/machine.ts'
import type { LimitName } from '../../../model/limits.ts'
import type { ProfileChange } from '../../../model/profile.ts'
import type { ExecutionResult, Outcome } from '../../../model/result.ts'
import type { Exit, SampleFigures } from '../../../model/sample.ts'
import type { JobState, TaskState, WorkerState } from '../../../model/states.ts'
import type { HttpAccess } from '../admin/messages.ts'
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
  /**
   * Follow a job to its end; `selector` is an id, a unique suffix, a --name or @last. `tail`: each stream of which the
   * client has nothing begins at most so many bytes before the end of what there is when it is told first; absent = at its
   * beginning.
   */
  | { kind: 'attach', selector: string, output: boolean, offsets: OutputOffset[], follow: boolean, tail?: number }
  /** Follow a job with items: counts, and each item that has ended, once, with its output. */
  | {
    kind: 'attach-items'
    selector: string
    follow: boolean
    /** In the order of the items; otherwise as they end. */
    ordered: boolean
    /** Send the items themselves with the job. */
    texts: boolean
    /** Items that the client has been told of already: bit n - 1 of task n, the lowest bit of each byte first. */
    told: Uint8Array
    /** Of the one item whose output it has in part. */
    offsets: OutputOffset[]
  }
  | { kind: 'cancel', selector: string }
  | { kind: 'nodes' }
  | ({ kind: 'jobs', limit: number } & JobFilter)
  /** `items`: of a job with items, these, without their results; absent = all results of any job. */
  /** What its tasks have brought back: `files` of each record, then `end`. */
  | { kind: 'files', selector: string }
  /** Those files: the chunks of their payload from this one on, as `chunk`. */
  | { kind: 'chunks', execution: string, from: number }
  | { kind: 'show', selector: string, items?: 'failed' | 'all' | 'none' }
  /** What the workers did: of the time since `withinMs` ago (absent = all that is kept), or only a job's executions; `follow`: and what comes. */
  | { kind: 'profile', withinMs?: number, selector?: string, follow: boolean }
  /** What would become of this job, sealed as to submit it: nothing is stored, and no payload is asked for. */
  | { kind: 'plan', job: Uint8Array }
  /** Where masters answer over HTTP; with `ttlMs` also a token for that, of at most what whoever asks may itself. */
  | {
    kind: 'page'
    ttlMs?: number
    access: HttpAccess
    /** Peer id of the client for whose jobs it stands; only an administrator may name another than itself. */
    owner?: string
  }

/** Which jobs are listed; all that is given must fit. */
export interface JobFilter {
  state?: JobState
  /** Accepted no longer ago than this, milliseconds. */
  withinMs?: number
  /** Its whole name; `*` stands for any characters. */
  name?: string
  jobKind?: 'run' | 'exec'
  /** Some task of it did not end well. */
  failed?: boolean
}

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

/** How many tasks of a job are in a state; states in which there is none are left out. */
export interface StateCount {
  state: TaskState
  count: number
}

/** How an item ended, in short. */
export interface ItemEnd {
  /** Number of the item. */
  task: string
  /** Absent when no worker has recorded an end. */
  execution?: string
  workerName: string
  state: TaskState
  reason?: string
  exit?: Exit
  limit?: LimitName
  /** The worker's clock, milliseconds since 1970. */
  startedAt?: number
  wallNs?: number
  /** Bytes that it has printed and that are told: here, or in the `output` messages that follow before anything of another item. */
  stdoutBytes: number
  stderrBytes: number
  stdout?: Uint8Array
  stderr?: Uint8Array
}

export interface JobView {
  /** Its items may be left out: then there are none. */
  job: Job
  state: JobState
  /** Empty where only counts were asked for. */
  tasks: TaskView[]
  counts?: StateCount[]
  /** The coordinator's clock, milliseconds since 1970. */
  acceptedAt: number
  finishedAt?: number
  startSkewNs?: number
  /** Why workers do not start what waits of it; only where it is shown, and absent when nothing waits for a worker. */
  hindrances?: Hindrance[]
}

/** Why some workers do not start what waits. */
export interface Hindrance {
  reason: string
  /** Names of the first of them. */
  workers: string[]
  count: number
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
  /** Chunks of the payload that this worker has; `note`: what went wrong on the way and was worked around. */
  | { kind: 'transfer', task: string, chunks: number, of: number, note?: string }
  /** `latest`: figures of the last of these runs, in their order. */
  | { kind: 'progress', task: string, command: number, runs: number, of?: number, medianNs?: number, latest?: SampleFigures[] }
  | { kind: 'output', execution: string, task: string, stream: OutputStream, offset: number, data: Uint8Array }
  | { kind: 'result', task: string, result: ExecutionResult }
  | { kind: 'counts', counts: StateCount[] }
  | { kind: 'items', items: ItemEnd[] }
  /** No more will come: the job has ended, or (without follow) this is all there is. */
  | { kind: 'end', view: JobView }
  | { kind: 'cancelled', id: string, pending: string[] }
  | { kind: 'node', row: NodeRow }
  | { kind: 'row', row: JobRow }
  | { kind: 'files', execution: string, workerName: string, collected: Collected }
  | { kind: 'chunk', index: number, data: Uint8Array }
  /** The first one comes at once, with or without changes. `nowMs`: the master's clock, milliseconds since 1970. */
  | { kind: 'profile', nowMs: number, changes: ProfileChange[] }
  | { kind: 'plan', plan: JobPlan }
  /** `token`: its text, said this once. */
  | { kind: 'page', masters: HttpMaster[], token?: PageToken }

/** A master that answers over HTTP. */
export interface HttpMaster {
  peerId: string
  name: string
  urls: string[]
  /** Where its loopback addresses mean it; see roles/place.ts. */
  place?: string
}

export interface PageToken {
  text: string
  id: string
  role: 'client' | 'admin'
  access: HttpAccess
  expiresAt: number
}
