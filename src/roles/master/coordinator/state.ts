import type { ExecutionKey } from '../../../model/ids.ts'
import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'
import type { Outcome } from '../../../model/result.ts'
import type { TaskState, WorkerState } from '../../../model/states.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'
import type { SlotReply } from '../../../node/protocol/slot/first-messages.ts'

/**
 * What a master knows: its workers and its jobs. The journal holds what a
 * promise rests on; the rest is rebuilt from what workers say. Every master has
 * it; only the one that reigns acts on it.
 */
export interface CoordinatorState {
  mode: 'standby' | 'reign'
  /** When this reign began. */
  reignedMs?: number
  /** Connected workers that have not said yet in this reign what they hold: nothing new is offered while there are any, for SETTLE_MS at most. */
  unheard: Set<string>
  /** Others may have assigned what is not known here yet: nothing new is offered. */
  catchingUp: boolean
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
  /** Raised by --retry-lost and by its worker's own record of an interruption; never by anything else. */
  attempt: number
  reason?: string
  simultaneous?: boolean
  /** Every execution of it that the journal has assigned. */
  assigned: Map<string, ExecutionKey>
  /** Every record of it, by execution: more than one when it ran on both sides of a partition, or was run again. */
  records: Map<string, Ended>
  /** Workers that were sent AVAILABLE and have not answered. */
  asked: Set<string>
  /** READY and has the payload: may start. */
  prepared: boolean
  /** Workers that may have begun this attempt (START was sent, or assigned by an earlier coordinator): they are asked, and nobody else. */
  doubted: Set<string>
  /** When its worker was told of the cancel last. */
  cancelSentMs?: number
  sinceMs: number
}

export interface JobEntry {
  job: Job
  acceptedAtMs: number
  finishedAtMs?: number
  /** A coordinator has said so: all masters know, or will. */
  endSaid?: boolean
  /** Another master has called it ended, while this one reigns and judges for itself. */
  endHeardAtMs?: number
  cancelled: boolean
  tasks: Map<string, TaskEntry>
  /** Since when its files are at no master; absent while they are, or may be. */
  goneSinceMs?: number
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
  /** A job as the journal has it: at the start, or because another master has written of it. */
  | { kind: 'restore', job: Job, acceptedAtMs: number, finishedAtMs?: number, targets: Target[], ended: Ended[], assigned: ExecutionKey[], cancelled: boolean, nowMs: number }
  /** The election is won: from now on this master places, asks, starts, cancels. */
  | { kind: 'reign', catchingUp?: boolean, nowMs: number }
  /** What the other live masters knew when this reign began is known here. */
  | { kind: 'caught-up', nowMs: number }
  /** Another master reigns: nothing is said to workers any more. */
  | { kind: 'stand-down', nowMs: number }
  /** Another master has assigned it. */
  | { kind: 'assigned', key: ExecutionKey, nowMs: number }
  /** Another master has called the job ended. */
  | { kind: 'end', job: string, atMs: number, nowMs: number }
  /** The job is pruned everywhere. */
  | { kind: 'forget', job: string, nowMs: number }
  | { kind: 'worker-registered', info: WorkerInfo, holds: Held[], draining: boolean, nowMs: number }
  | { kind: 'worker-state', worker: string, state: WorkerState, execution?: string, detail?: string, sinceMs: number, floor?: WorkerInfo['floor'], nowMs: number }
  | { kind: 'worker-gone', worker: string, nowMs: number }
  | { kind: 'answer', worker: string, execution: string, reply: SlotReply, nowMs: number }
  /** The slot stream broke, or nothing came in time. */
  | { kind: 'ask-failed', worker: string, execution: string, reason: string, nowMs: number }
  | { kind: 'payload-sent', execution: string, nowMs: number }
  /** `refused`: the worker said no in words, and would again. `isGone`: all masters that there are lack it. */
  | { kind: 'payload-failed', execution: string, reason: string, refused: boolean, isGone?: boolean, nowMs: number }
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
  /** Where it is known. */
  workerName?: string
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
  | { kind: 'job-forgotten', job: Job }

/** Effects that reach a worker, or that a START rests on: none of them but from the master that reigns. */
export const COMMANDS: ReadonlySet<CoordinatorEffect['kind']> = new Set(['ask', 'rollback', 'send-payload', 'persist-assign', 'start', 'cancel-on'])

export function emptyCoordinator (): CoordinatorState {
  return { mode: 'standby', unheard: new Set(), catchingUp: false, workers: new Map(), jobs: new Map() }
}
