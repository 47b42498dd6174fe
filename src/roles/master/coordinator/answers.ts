import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { backOff, change, disengage, findTask, keyOf, requeue, rollBack, settle } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { SlotReply } from '../../../node/protocol/slot/messages.ts'

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
  const wasUnsure = task.unsure && task.state === 'starting' && task.worker === worker

  // cancelled meanwhile, or another one was faster
  if (!wasAsked && !wasUnsure) {
    effects.push({ kind: 'rollback', worker, execution })
    disengage(state, worker, execution)
    return
  }

  choose(state, entry, task, worker, effects)

  if (entry.job.payload == null || reply.hasPayload) {
    task.prepared = true
    change(entry, task, 'starting', nowMs, effects)
  } else {
    effects.push({ kind: 'send-payload', worker, execution })
    change(entry, task, 'sending', nowMs, effects)
  }
}

/** It ran there before, for an earlier coordinator or before our restart. Only of a worker that was asked: a task is at one worker. */
function onKnown (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, held: 'running' | 'finished', nowMs: number, effects: CoordinatorEffect[]): void {
  const wasAsked = task.asked.delete(worker) && task.worker == null

  if (isTaskEnd(task.state) || (!wasAsked && task.worker !== worker)) {
    disengage(state, worker, executionId(keyOf(entry, task, worker)))
    return
  }

  choose(state, entry, task, worker, effects)

  if (entry.cancelled) {
    task.cancelSentMs = nowMs
    effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
    change(entry, task, 'cancelling', nowMs, effects)
  } else {
    change(entry, task, held === 'running' ? 'running' : 'starting', nowMs, effects)
  }
}

/** The task is this worker's; the others that were asked are free again. */
function choose (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, effects: CoordinatorEffect[]): void {
  task.unsure = false
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

  // After START nobody here can know whether it began: the worker says so when it registers again.
  if ((task.state === 'starting' || task.state === 'cancelling') && !task.prepared && task.worker === event.worker) {
    // one that is being cancelled is not asked again, but told of the cancel until it confirms
    task.unsure = task.state === 'starting'
    disengage(state, event.worker, event.execution)
    return
  }

  declined(state, entry, task, event.worker, event.reason, event.nowMs, effects)
}

/** This worker does not do it, for now: others may. */
function declined (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, reason: string, nowMs: number, effects: CoordinatorEffect[]): void {
  disengage(state, worker, executionId(keyOf(entry, task, worker)))
  task.asked.delete(worker)

  if (isTaskEnd(task.state) || task.state === 'running' || (task.worker != null && task.worker !== worker)) {
    return
  }

  if (entry.cancelled) {
    rollBack(state, entry, task, effects)
    change(entry, task, 'cancelled', nowMs, effects)
  } else if (task.asked.size === 0) {
    requeue(state, entry, task, reason, nowMs, effects)
  }
}
