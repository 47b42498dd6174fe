import { emptyIndex } from './track.ts'
import type { ExecutionKey } from '../../../model/ids.ts'
import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'
import type { RestartRule } from '../../../model/restart.ts'
import type { Outcome } from '../../../model/result.ts'
import type { TaskState, WorkerState } from '../../../model/states.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'
import type { SlotAnswer, StartOutcome } from '../../../node/protocol/slot/messages.ts'
import type { Index, Track } from './track.ts'

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
  /** Derived from the rest, so that a step costs in proportion to what it changes. */
  index: Index
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
  /** What this coordinator is placing or running there, by execution; those of one START share a place. */
  engaged: Map<string, Place>
  /** Executions that run there by its own word, whoever gave it those. */
  running: Set<string>
  /** Payloads that it has, as far as it was seen in this reign. */
  payloads: Set<string>
  /** After BUSY or a broken stream, not asked again before. */
  retryAtMs: number
  /** How often in a row asking failed; spaces the retries. */
  failures: number
}

/** A place of a worker, taken until the last of these executions has left it. */
export interface Place {
  executions: Set<string>
  /** How many there were at the beginning. */
  size: number
  /** What measures has all places. */
  isWhole: boolean
  sinceMs: number
}

export interface TaskEntry {
  /** Its job's id. */
  job: string
  name: string
  /** Its place among the tasks of its job. */
  order: number
  /** The one worker it is for; absent = any that matches. */
  target?: string
  /** As frozen when the job was accepted; for `any`, of the worker that got it. */
  info?: WorkerInfo
  state: TaskState
  /** Peer id, from READY on. */
  worker?: string
  /** Raised by --retry-lost and by its worker's own record of an end that its rule names; never by anything else. */
  attempt: number
  /** When it is run again after an end; absent = never. */
  rule?: RestartRule
  /** The latest attempt that its rule has called for, and when that may begin. */
  restart?: { attempt: number, atMs: number, due: boolean }
  /** Workers that could not run it, and until when it is not given to them again. */
  avoids?: Map<string, number>
  /** The entries before and behind it in its list of a map. */
  before?: TaskEntry
  after?: TaskEntry
  /** An entry before it has failed: in words. */
  notBegun?: string
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
  /** Its worker has it behind another one of the same START: it has not begun, as far as is known here. `recalled` when it was asked to give it back. */
  waiting?: 'accepted' | 'recalled'
  /** Workers that may have begun this attempt (START was sent, or assigned by an earlier coordinator): they are asked, and nobody else. */
  doubted: Set<string>
  /** Executions that another coordinator has given out, heard of while it ran here, or might: should it not have begun here, these come before anybody new. */
  elsewhere: Set<string>
  /** When its worker was told of the cancel last. */
  cancelSentMs?: number
  sinceMs: number
  /** Where the indexes have it. */
  track: Track
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
  /** By its deadline, and not by anybody. */
  expired?: boolean
  /** Workers that take it for cancelled and cannot prove it: their names. */
  deniers?: Map<string, string>
  tasks: Map<string, TaskEntry>
  /** Tasks that have not come to an end; kept by the indexes. */
  open: number
  /** Tasks that wait for a worker; kept by the indexes. */
  queued: number
  /** What one of its tasks took lately, with what lies between two of them. Milliseconds. */
  paceMs?: number
  /** Since when its files are at no master; absent while they are, or may be. */
  goneSinceMs?: number
  /** Of one whose tasks are for different workers: those that a task of it is at, may be at, or has ended at. */
  held?: Map<string, Set<TaskEntry>>
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
  | { kind: 'restore', job: Job, acceptedAtMs: number, finishedAtMs?: number, targets: Target[], ended: Ended[], assigned: ExecutionKey[], cancelled: boolean, expired?: boolean, nowMs: number }
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
  /** The job has ended, and whoever asks for it is answered from the disk. Its `end` has been said. */
  | { kind: 'archive', job: string, nowMs: number }
  /** The job is pruned everywhere. */
  | { kind: 'forget', job: string, nowMs: number }
  | { kind: 'worker-registered', info: WorkerInfo, holds: Held[], draining: boolean, nowMs: number }
  | { kind: 'worker-state', worker: string, state: WorkerState, execution?: string, executions?: string[], detail?: string, sinceMs: number, floor?: WorkerInfo['floor'], tools?: WorkerInfo['tools'], noise?: WorkerInfo['noise'], nowMs: number }
  | { kind: 'worker-gone', worker: string, nowMs: number }
  /** It brings the record of an execution of which nothing is known here. */
  | { kind: 'worker-holds', worker: string, execution: string, nowMs: number }
  /** To AVAILABLE, to a renewal, or to a START as a whole. */
  | { kind: 'answer', worker: string, execution: string, reply: OneAnswer, nowMs: number }
  /** To START, for each of its executions. */
  | { kind: 'outcomes', worker: string, outcomes: Array<{ execution: string, outcome: StartOutcome }>, nowMs: number }
  /** What a worker had accepted behind another one will not begin there. */
  | { kind: 'returned', worker: string, executions: string[], reason: string, nowMs: number }
  /** The answer to a recall. */
  | { kind: 'recall-answered', worker: string, execution: string, reply: OneAnswer, nowMs: number }
  /** The slot stream broke, or nothing came in time: what was said of these is not known, and reservations are void. `unsent`: of these, START has certainly not been said. */
  | { kind: 'stream-lost', worker: string, executions: string[], unsent?: string[], reason: string, nowMs: number }
  | { kind: 'payload-sent', execution: string, nowMs: number }
  /** `refused`: the worker said no in words, and would again. `isGone`: all masters that there are lack it. */
  | { kind: 'payload-failed', execution: string, reason: string, refused: boolean, isGone?: boolean, nowMs: number }
  /** `ran`: the worker's clock; nothing is decided by it. */
  | { kind: 'result', key: ExecutionKey, outcome: Outcome, reason?: string, how?: string, simultaneous?: boolean, ran?: { startedAt: number, finishedAt: number }, nowMs: number }
  /** `expired`: by its deadline. */
  | { kind: 'cancel', job: string, expired?: boolean, nowMs: number }
  | { kind: 'cancel-answered', job: string, worker: string, nowMs: number }
  | { kind: 'drain', worker: string, drain: boolean, nowMs: number }
  | { kind: 'tick', nowMs: number }
  /** The time has come of which `nextAlarmMs` spoke. */
  | { kind: 'alarm', nowMs: number }

/** What the state machine is told of answers; those that only end an exchange are the shell's. */
export type OneAnswer = Exclude<SlotAnswer, { kind: 'started' | 'unknown-job' | 'returned' }>

/** A task whose result is in the journal. */
export interface Ended {
  key: ExecutionKey
  outcome: Outcome
  reason?: string
  /** Of one that was no success: `exit 1`. */
  how?: string
  simultaneous?: boolean
  /** Where it is known. */
  workerName?: string
}

export type CoordinatorEffect =
  /** AVAILABLE: a reservation, renewed by the shell until start or rollback. */
  | { kind: 'ask', worker: string, execution: string }
  | { kind: 'rollback', worker: string, execution: string }
  | { kind: 'send-payload', worker: string, execution: string }
  /** On disk before any START of it. */
  | { kind: 'persist-assign', execution: string }
  /** START now, or all of them at one instant. The executions of one entry are of one job, and run one after the other; without `reserved`, in any free place. */
  | { kind: 'start', starts: Array<{ worker: string, executions: string[] }>, together: boolean, reserved: boolean }
  /** Takes back what has not begun: the answer says whether it has. */
  | { kind: 'recall', worker: string, execution: string }
  | { kind: 'cancel-on', worker: string, job: string }
  /** Its deadline has passed: to be cancelled. */
  | { kind: 'expire', job: string }
  | { kind: 'task-changed', job: string, task: string }
  | { kind: 'worker-changed', worker: string }
  | { kind: 'job-ended', job: string, atMs: number }
  | { kind: 'job-forgotten', job: Job }

/** Effects that reach a worker, or that a START rests on: none of them but from the master that reigns. */
export const COMMANDS: ReadonlySet<CoordinatorEffect['kind']> = new Set(['ask', 'rollback', 'send-payload', 'persist-assign', 'start', 'recall', 'cancel-on', 'expire'])

export function emptyCoordinator (): CoordinatorState {
  return { mode: 'standby', unheard: new Set(), catchingUp: false, workers: new Map(), jobs: new Map(), index: emptyIndex() }
}
