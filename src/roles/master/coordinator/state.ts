import type { ExecutionKey } from '../../../model/ids.ts'
import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'
import type { Outcome } from '../../../model/result.ts'
import type { TaskState, WorkerState } from '../../../model/states.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'
import type { SlotReply } from '../../../node/protocol/slot/messages.ts'

/**
 * What the coordinator knows: its workers and its jobs. The journal holds what
 * a promise rests on; the rest is rebuilt from what workers say.
 */
export interface CoordinatorState {
  workers: Map<string, WorkerEntry>
  jobs: Map<string, JobEntry>
  /** When the last tick came. */
  tickedMs?: number
}

export interface WorkerEntry {
  info: WorkerInfo
  connected: boolean
  /** As it said last. */
  state: WorkerState
  detail?: string
  sinceMs: number
  lastHeardMs: number
  draining: boolean
  /** The execution that this coordinator is placing or running there. */
  engaged?: string
  /** After BUSY or a broken stream, not asked again before. */
  retryAtMs: number
  /** How often in a row asking failed; spaces the retries. */
  failures: number
}

export interface TaskEntry {
  name: string
  /** The one worker it is for; absent = any that matches. */
  target?: string
  /** As frozen when the job was accepted; for `any`, of the worker that got it. */
  info?: WorkerInfo
  state: TaskState
  /** Peer id, from READY on. */
  worker?: string
  attempt: number
  reason?: string
  simultaneous?: boolean
  /** Workers that were sent AVAILABLE and have not answered. */
  asked: Set<string>
  /** READY and has the payload: may start. */
  prepared: boolean
  /** START was sent and its answer lost: the same worker is asked again, nobody else. */
  unsure: boolean
  /** When its worker was told of the cancel last. */
  cancelSentMs?: number
  sinceMs: number
}

export interface JobEntry {
  job: Job
  acceptedAtMs: number
  finishedAtMs?: number
  cancelled: boolean
  tasks: Map<string, TaskEntry>
  /** Tasks that start together: reserved at the same time, started at one instant. */
  group?: { members: Set<string>, deadlineMs?: number, started: boolean }
}

export interface Target {
  task: string
  /** Absent for `any`. */
  worker?: string
  info?: WorkerInfo
}

export type CoordinatorEvent =
  | { kind: 'accept', job: Job, acceptedAtMs: number, targets: Target[], nowMs: number }
  | { kind: 'restore', job: Job, acceptedAtMs: number, finishedAtMs?: number, targets: Target[], ended: Ended[], assigned: ExecutionKey[], cancelled: boolean, nowMs: number }
  | { kind: 'worker-registered', info: WorkerInfo, holds: Held[], draining: boolean, nowMs: number }
  | { kind: 'worker-state', worker: string, state: WorkerState, detail?: string, sinceMs: number, floor?: WorkerInfo['floor'], nowMs: number }
  | { kind: 'worker-gone', worker: string, nowMs: number }
  | { kind: 'answer', worker: string, execution: string, reply: SlotReply, nowMs: number }
  /** The slot stream broke, or nothing came in time. */
  | { kind: 'ask-failed', worker: string, execution: string, reason: string, nowMs: number }
  | { kind: 'payload-sent', execution: string, nowMs: number }
  /** `refused`: the worker said no in words, and would again. */
  | { kind: 'payload-failed', execution: string, reason: string, refused: boolean, nowMs: number }
  | { kind: 'result', key: ExecutionKey, outcome: Outcome, reason?: string, simultaneous?: boolean, nowMs: number }
  | { kind: 'cancel', job: string, nowMs: number }
  | { kind: 'cancel-answered', job: string, worker: string, nowMs: number }
  | { kind: 'drain', worker: string, drain: boolean, nowMs: number }
  | { kind: 'tick', nowMs: number }

/** A task whose result is in the journal. */
export interface Ended {
  key: ExecutionKey
  outcome: Outcome
  reason?: string
  simultaneous?: boolean
}

export type CoordinatorEffect =
  /** AVAILABLE: opens a reservation stream, renewed by the shell until start or rollback. */
  | { kind: 'ask', worker: string, execution: string }
  | { kind: 'rollback', worker: string, execution: string }
  | { kind: 'send-payload', worker: string, execution: string }
  /** On disk before any START of it. */
  | { kind: 'persist-assign', execution: string }
  /** START now, or all of them at one instant. */
  | { kind: 'start', starts: Array<{ worker: string, execution: string }>, together: boolean }
  | { kind: 'cancel-on', worker: string, job: string }
  | { kind: 'task-changed', job: string, task: string }
  | { kind: 'worker-changed', worker: string }
  | { kind: 'job-ended', job: string, atMs: number }

export function emptyCoordinator (): CoordinatorState {
  return { workers: new Map(), jobs: new Map() }
}
