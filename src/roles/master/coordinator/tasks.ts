import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { countedRecord, endBy, freshAttempt, isFinal, latestAttempt, mayRetry } from './records.ts'
import { disengage } from './capacity.ts'
import { retrack, taskOf, touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { ExecutionKey } from '../../../model/ids.ts'
import type { TaskState } from '../../../model/states.ts'

export function change (state: CoordinatorState, entry: JobEntry, task: TaskEntry, to: TaskState, nowMs: number, effects: CoordinatorEffect[]): void {
  touch(state, task)

  if (to !== 'starting') {
    task.waiting = undefined
  }

  if (isTaskEnd(to)) {
    leaveGroup(entry, task)
  }

  if (task.state !== to) {
    task.state = to
    task.sinceMs = nowMs
  }

  effects.push({ kind: 'task-changed', job: entry.job.id, task: task.name })
}

export function leaveGroup (entry: JobEntry, task: TaskEntry): void {
  if (entry.group != null && !entry.group.started && entry.group.members.delete(task.name)) {
    task.simultaneous = false
  }
}

export function settle (state: CoordinatorState, task: TaskEntry, worker: string): void {
  task.worker = worker
  task.info = state.workers.get(worker)?.info ?? task.info
}

/** Its worker is no longer engaged by this task. */
export function release (state: CoordinatorState, entry: JobEntry, task: TaskEntry): void {
  if (task.worker != null) {
    disengage(state, task.worker, executionId(keyOf(entry, task, task.worker)))
  }
}

export function keyOf (entry: JobEntry, task: TaskEntry, worker: string): ExecutionKey {
  return { job: entry.job.id, task: task.name, worker, attempt: task.attempt }
}

export function findTask (state: CoordinatorState, execution: string): { entry: JobEntry, task: TaskEntry } | undefined {
  const key = parseExecutionId(execution)
  const entry = state.jobs.get(key.job)
  const task = taskOf(state, entry, key.task)

  return entry == null || task == null || task.attempt !== key.attempt ? undefined : { entry, task }
}

/** Unfinished tasks that are at, or for, this worker. */
export function forEachTaskOf (state: CoordinatorState, worker: string, visit: (entry: JobEntry, task: TaskEntry) => void): void {
  retrack(state)

  for (const task of [...state.index.byWorker.get(worker) ?? []]) {
    const entry = state.jobs.get(task.job)

    state.index.visits++

    if (entry != null && (task.worker === worker || (task.worker == null && (task.target === worker || task.asked.has(worker))))) {
      touch(state, task)
      visit(entry, task)
    }
  }
}

/** Offered, reserved, or ready to start: all of it can be taken back. */
export function isBeingArranged (task: TaskEntry): boolean {
  return task.state === 'reserving' || task.state === 'sending' || (task.state === 'starting' && task.prepared)
}

/** START was sent: only its worker can take that back. */
export function hasBegun (task: TaskEntry): boolean {
  return task.state === 'running' || task.state === 'cancelling' || (task.state === 'starting' && !task.prepared)
}

/** Why a task that may run, or may begin yet, at a worker that nobody hears is called cancelled, in the end for want of better. */
export const CANCEL_PENDING = 'cancel pending: its worker is not connected'

/** Its worker has not confirmed the cancel. */
export function isCancelPending ({ state, reason }: TaskEntry): boolean {
  return state === 'cancelling' || (state === 'cancelled' && reason === CANCEL_PENDING)
}

/** It may run there: its worker is told until it confirms. */
export function cancelOn (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, nowMs: number, effects: CoordinatorEffect[]): void {
  task.cancelSentMs = nowMs
  task.prepared = false
  task.doubted.clear()
  effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
  change(state, entry, task, 'cancelling', nowMs, effects)
}

/** Back to the queue, same attempt: nothing of it has run, and nobody keeps a place for it. */
export function requeue (state: CoordinatorState, entry: JobEntry, task: TaskEntry, reason: string | undefined, nowMs: number, effects: CoordinatorEffect[]): void {
  rollBack(state, entry, task, effects)

  const counted = countedRecord(task)

  // it ran elsewhere meanwhile
  if (counted != null && isFinal(entry, task, counted)) {
    conclude(state, entry, task, 'lost', undefined, nowMs, effects)
    return
  }

  task.attempt = freshAttempt(task)
  task.prepared = false
  task.doubted.clear()
  task.worker = undefined
  task.reason = reason
  change(state, entry, task, entry.cancelled ? 'cancelled' : 'queued', nowMs, effects)
}

/** Its end: by a record of it if there is one, otherwise as it must be inferred. */
export function conclude (state: CoordinatorState, entry: JobEntry, task: TaskEntry, inferred: 'cancelled' | 'lost', reason: string | undefined, nowMs: number, effects: CoordinatorEffect[]): void {
  const counted = countedRecord(task)

  task.prepared = false
  task.doubted.clear()

  if (counted == null) {
    task.reason = reason
    change(state, entry, task, inferred, nowMs, effects)
  } else {
    endBy(task, counted)
    task.sinceMs = nowMs
    change(state, entry, task, counted.outcome, nowMs, effects)
  }
}

/** Once more, anywhere, as another execution. False when the job does not want that. */
export function runAgain (state: CoordinatorState, entry: JobEntry, task: TaskEntry, reason: string, nowMs: number, effects: CoordinatorEffect[]): boolean {
  if (!mayRetry(entry, task)) {
    return false
  }

  const counted = countedRecord(task)

  rollBack(state, entry, task, effects)

  if (counted != null && isFinal(entry, task, counted)) {
    conclude(state, entry, task, 'lost', undefined, nowMs, effects)
    return true
  }

  task.attempt = latestAttempt(task) + 1
  task.prepared = false
  task.doubted.clear()
  task.worker = undefined
  task.info = undefined
  task.reason = reason
  change(state, entry, task, 'queued', nowMs, effects)

  return true
}

export function rollBack (state: CoordinatorState, entry: JobEntry, task: TaskEntry, effects: CoordinatorEffect[]): void {
  const workers = new Set(task.asked)

  if (task.worker != null) {
    workers.add(task.worker)
  }

  for (const worker of workers) {
    const execution = executionId(keyOf(entry, task, worker))
    effects.push({ kind: 'rollback', worker, execution })
    disengage(state, worker, execution)
  }

  task.asked.clear()
  leaveGroup(entry, task)
}
