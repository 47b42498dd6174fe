import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { backOff, cancelOn, change, conclude, disengage, findTask, keyOf, requeue, rollBack, settle } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { KnownState, SlotReply } from '../../../node/protocol/slot/first-messages.ts'

/** Pause before a worker that answered BUSY is asked again, should its own word not come first. */
const BUSY_RETRY_MS = 1_000

export function onAnswer (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'answer' }>, effects: CoordinatorEffect[]): void {
  const found = findTask(state, event.execution)
  const worker = state.workers.get(event.worker)

  if (worker != null) {
    worker.lastHeardMs = event.nowMs
  }

  if (found == null) {
    effects.push({ kind: 'rollback', worker: event.worker, execution: event.execution })
    return
  }

  const { entry, task } = found
  const { reply } = event

  switch (reply.kind) {
    case 'ready':
      if (worker != null) {
        worker.failures = 0
      }
      return onReady(state, entry, task, event.worker, event.execution, reply, event.nowMs, effects)
    case 'started':
      if (task.worker === event.worker && task.state === 'starting') {
        change(entry, task, 'running', event.nowMs, effects)
      }
      return
    case 'known':
      return onKnown(state, entry, task, event.worker, reply.state, event.nowMs, effects)
    case 'busy':
      if (worker != null) {
        worker.retryAtMs = event.nowMs + BUSY_RETRY_MS
      }
      return declined(state, entry, task, event.worker, reply.reason, event.nowMs, effects)
    case 'stale':
      backOff(worker, event.nowMs)

      // START was refused, and nothing said of what the later coordinator did there
      if (isAtWorker(task, event.worker)) {
        doubt(state, task, event.worker, event.execution)
        return
      }

      return declined(state, entry, task, event.worker, `the worker follows a later coordinator (term ${reply.highest.term})`, event.nowMs, effects)
    case 'refused':
      backOff(worker, event.nowMs)
      return declined(state, entry, task, event.worker, reply.reason, event.nowMs, effects)
    case 'renewed':
    case 'rolled-back':
    case 'cancelled':
  }
}

function onReady (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, execution: string, reply: Extract<SlotReply, { kind: 'ready' }>, nowMs: number, effects: CoordinatorEffect[]): void {
  const wasAsked = task.asked.delete(worker) && task.state === 'reserving' && task.worker == null
  const wasDoubted = task.state === 'starting' && task.doubted.delete(worker)

  // cancelled meanwhile, another one was faster, or one that may have begun it has not answered yet
  if ((!wasAsked && !wasDoubted) || task.doubted.size > 0) {
    effects.push({ kind: 'rollback', worker, execution })
    disengage(state, worker, execution)
    lookAtNextDoubted(task)
    return
  }

  choose(state, entry, task, worker, effects)

  if (wasDoubted && state.workers.has(worker)) {
    state.workers.get(worker)!.engaged = execution
  }

  if (entry.job.payload == null || reply.hasPayload) {
    task.prepared = true
    change(entry, task, 'starting', nowMs, effects)
  } else {
    effects.push({ kind: 'send-payload', worker, execution })
    change(entry, task, 'sending', nowMs, effects)
  }
}

/** It ran there before, for an earlier coordinator or before our restart. Only of a worker that was asked: a task is at one worker. */
function onKnown (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, held: KnownState, nowMs: number, effects: CoordinatorEffect[]): void {
  const wasAsked = task.asked.delete(worker) && task.worker == null

  if (isTaskEnd(task.state) || (!wasAsked && task.worker !== worker && !task.doubted.has(worker))) {
    disengage(state, worker, executionId(keyOf(entry, task, worker)))
    return
  }

  choose(state, entry, task, worker, effects)

  if (held === 'delivered') {
    // masters had it that have lost it, as when they were restored from a backup; should one of them come back, its record counts
    disengage(state, worker, executionId(keyOf(entry, task, worker)))
    conclude(entry, task, entry.cancelled ? 'cancelled' : 'lost', 'it has run, and the masters that had its record have lost it', nowMs, effects)
  } else if (entry.cancelled) {
    cancelOn(entry, task, worker, nowMs, effects)
  } else {
    change(entry, task, held === 'running' ? 'running' : 'starting', nowMs, effects)
  }
}

/** The task is this worker's; the others that were asked are free again. */
function choose (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, effects: CoordinatorEffect[]): void {
  task.doubted.clear()
  settle(state, task, worker)

  for (const other of task.asked) {
    const lost = executionId(keyOf(entry, task, other))
    effects.push({ kind: 'rollback', worker: other, execution: lost })
    disengage(state, other, lost)
  }

  task.asked.clear()
}

export function onAskFailed (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'ask-failed' }>, effects: CoordinatorEffect[]): void {
  const found = findTask(state, event.execution)

  backOff(state.workers.get(event.worker), event.nowMs)

  if (found == null) {
    return
  }

  const { entry, task } = found

  // After START nobody here can know whether it began: it is asked again.
  if (isAtWorker(task, event.worker)) {
    doubt(state, task, event.worker, event.execution)
    return
  }

  declined(state, entry, task, event.worker, event.reason, event.nowMs, effects)
}

/** START was sent to it, or assigned by an earlier coordinator: it may have begun. */
function isAtWorker (task: TaskEntry, worker: string): boolean {
  return (task.state === 'starting' || task.state === 'cancelling') && !task.prepared && (task.worker === worker || task.doubted.has(worker))
}

function doubt (state: CoordinatorState, task: TaskEntry, worker: string, execution: string): void {
  // one that is being cancelled is not asked again, but told of the cancel until it confirms
  if (task.state === 'starting') {
    task.doubted.add(worker)
  }

  task.asked.delete(worker)
  disengage(state, worker, execution)
}

/** A task that waits for an answer waits for one that has not given it. */
function lookAtNextDoubted (task: TaskEntry): void {
  const [next] = task.doubted

  if (task.state === 'starting' && next != null && (task.worker == null || !task.doubted.has(task.worker))) {
    task.worker = next
  }
}

/** This worker does not do it, for now: others may. */
function declined (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, reason: string, nowMs: number, effects: CoordinatorEffect[]): void {
  disengage(state, worker, executionId(keyOf(entry, task, worker)))
  task.asked.delete(worker)

  // this one has not begun it: what of the others?
  if (task.doubted.delete(worker) && task.doubted.size > 0) {
    lookAtNextDoubted(task)
    return
  }

  if (isTaskEnd(task.state) || task.state === 'running' || (task.worker != null && task.worker !== worker)) {
    return
  }

  if (entry.cancelled) {
    rollBack(state, entry, task, effects)
    conclude(entry, task, 'cancelled', undefined, nowMs, effects)
  } else if (task.asked.size === 0) {
    requeue(state, entry, task, reason, nowMs, effects)
  }
}
