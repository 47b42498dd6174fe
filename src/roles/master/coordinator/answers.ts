import { workerPayloads } from '../../../machine/variants.ts'
import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { backOff, disengage, engage, engageAgain, forgetFiles, heard, noteFiles, rest } from './capacity.ts'
import { denialOf, endDenied, noteDenial } from './denials.ts'
import { isHeldFrom } from './holders.ts'
import { hasRecordOf } from './records.ts'
import { cancelOn, change, conclude, findTask, forEachTaskOf, keyOf, requeue, rollBack, settle } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry, WorkerEntry } from './state.ts'
import type { KnownState, SlotAnswer } from '../../../node/protocol/slot/messages.ts'

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>

/** Pause before a worker that answered BUSY is asked again, should its own word not come first. */
const BUSY_RETRY_MS = 1_000

export function onAnswer (state: CoordinatorState, event: EventOf<'answer'>, effects: CoordinatorEffect[]): void {
  const found = findTask(state, event.execution)
  const worker = state.workers.get(event.worker)

  heard(state, event.worker, event.nowMs)

  if (found == null) {
    disengage(state, event.worker, event.execution)
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
    case 'known':
      return onKnown(state, entry, task, event.worker, reply.state, event.nowMs, effects)
    case 'busy':
      rest(state, event.worker, event.nowMs + BUSY_RETRY_MS)
      return declined(state, entry, task, event.worker, reply.reason, event.nowMs, effects)
    case 'stale':
      backOff(state, event.worker, event.nowMs)

      // START was refused, and nothing said of what the later coordinator did there
      if (isAtWorker(task, event.worker)) {
        doubt(state, task, event.worker, event.execution)
        return
      }

      return declined(state, entry, task, event.worker, `the worker follows a later coordinator (term ${reply.highest.term})`, event.nowMs, effects)
    case 'refused':
      if (reply.cancel != null) {
        return denied(state, entry, task, event.worker, event.nowMs, effects)
      }

      backOff(state, event.worker, event.nowMs)
      return declined(state, entry, task, event.worker, reply.reason, event.nowMs, effects)
    case 'renewed':
    case 'rolled-back':
    case 'cancelled':
  }
}

/** What became of a START: each of its executions begins, waits behind the others, or has not begun and will not. */
export function onOutcomes (state: CoordinatorState, event: EventOf<'outcomes'>, effects: CoordinatorEffect[]): void {
  const { worker: id, nowMs } = event
  const worker = state.workers.get(id)
  let refused = false

  heard(state, id, nowMs)

  for (const { execution, outcome } of event.outcomes) {
    const found = findTask(state, execution)

    if (found == null) {
      disengage(state, id, execution)
      continue
    }

    const { entry, task } = found

    switch (outcome.kind) {
      case 'started':
        if (worker != null) {
          worker.failures = 0
        }

        if (task.worker === id && task.state === 'starting') {
          change(state, entry, task, 'running', nowMs, effects)
          restartPlace(worker, execution, nowMs)
        }
        break
      case 'queued':
        if (task.worker === id && task.state === 'starting') {
          holdBehind(state, entry, task, nowMs, effects)
        }
        break
      case 'known':
        onKnown(state, entry, task, id, outcome.state, nowMs, effects)
        break
      case 'busy':
        rest(state, id, nowMs + BUSY_RETRY_MS)
        declined(state, entry, task, id, outcome.reason, nowMs, effects)
        break
      case 'no-payload':
        forgetFiles(worker, entry.job)
        declined(state, entry, task, id, 'its worker has its files no more', nowMs, effects)
        break
      case 'refused':
        if (outcome.cancel != null) {
          denied(state, entry, task, id, nowMs, effects)
          break
        }

        refused = true
        declined(state, entry, task, id, outcome.reason, nowMs, effects)
    }
  }

  if (refused) {
    backOff(state, id, nowMs)
  }
}

/** It has not begun there, and will not. */
export function onReturned (state: CoordinatorState, event: EventOf<'returned'>, effects: CoordinatorEffect[]): void {
  heard(state, event.worker, event.nowMs)

  for (const execution of event.executions) {
    const found = findTask(state, execution)

    if (found == null) {
      disengage(state, event.worker, execution)
    } else if (found.task.worker === event.worker && found.task.state === 'starting' && found.task.waiting != null) {
      declined(state, found.entry, found.task, event.worker, event.reason, event.nowMs, effects)
    }
  }
}

/** What was recalled is free to go elsewhere, or has begun meanwhile. */
export function onRecallAnswered (state: CoordinatorState, event: EventOf<'recall-answered'>, effects: CoordinatorEffect[]): void {
  const found = findTask(state, event.execution)

  heard(state, event.worker, event.nowMs)

  if (found == null || found.task.worker !== event.worker || found.task.state !== 'starting' || found.task.waiting == null) {
    return
  }

  const { entry, task } = found

  if (event.reply.kind === 'rolled-back') {
    declined(state, entry, task, event.worker, 'taken back for a free worker', event.nowMs, effects)
  } else if (event.reply.kind === 'known') {
    onKnown(state, entry, task, event.worker, event.reply.state, event.nowMs, effects)
  } else {
    doubt(state, task, event.worker, event.execution)
  }
}

/** Accepted by its worker behind another one. */
function holdBehind (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  task.waiting ??= 'accepted'
  change(state, entry, task, 'starting', nowMs, effects)
}

/** From here on it counts how long these take. */
function restartPlace (worker: WorkerEntry | undefined, execution: string, nowMs: number): void {
  const place = worker?.engaged.get(execution)

  if (place != null) {
    place.sinceMs = nowMs
  }
}

function onReady (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, execution: string, reply: Extract<SlotAnswer, { kind: 'ready' }>, nowMs: number, effects: CoordinatorEffect[]): void {
  const wasAsked = task.asked.delete(worker) && task.state === 'reserving' && task.worker == null
  const wasDoubted = task.state === 'starting' && task.doubted.delete(worker)

  // cancelled meanwhile, another one was faster, or one that may have begun it has not answered yet
  if ((!wasAsked && !wasDoubted) || task.doubted.size > 0) {
    effects.push({ kind: 'rollback', worker, execution })
    disengage(state, worker, execution)
    lookAtNextDoubted(task)
    return
  }

  const host = state.workers.get(worker)
  // another coordinator has given it another task of the job
  const isHeld = host != null && isHeldFrom(entry, task, host)

  // it was interrupted elsewhere meanwhile: nobody begins this attempt any more
  if (isHeld || (wasDoubted && hasRecordOf(task, task.attempt))) {
    effects.push({ kind: 'rollback', worker, execution })
    disengage(state, worker, execution)

    // others may be free for it
    if (wasDoubted || task.asked.size === 0) {
      requeue(state, entry, task, undefined, nowMs, effects)
    }

    return
  }

  choose(state, entry, task, worker, effects)

  if (wasDoubted) {
    engage(state, worker, [execution], nowMs)
  }

  if (reply.hasPayload) {
    noteFiles(state.workers.get(worker), entry.job)
  }

  if (reply.hasPayload || workerPayloads(entry.job, state.workers.get(worker)?.info).length === 0) {
    task.prepared = true
    change(state, entry, task, 'starting', nowMs, effects)
  } else {
    effects.push({ kind: 'send-payload', worker, execution })
    change(state, entry, task, 'sending', nowMs, effects)
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
    conclude(state, entry, task, entry.cancelled ? 'cancelled' : 'lost', 'it has run, and the masters that had its record have lost it', nowMs, effects)
  } else if (entry.cancelled) {
    cancelOn(state, entry, task, worker, nowMs, effects)
  } else if (held === 'queued') {
    engageAgain(state, worker, executionId(keyOf(entry, task, worker)), nowMs)
    holdBehind(state, entry, task, nowMs, effects)
  } else {
    task.waiting = undefined
    change(state, entry, task, held === 'running' ? 'running' : 'starting', nowMs, effects)
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

/** What was said of these is not known: the answers are lost with the stream, and so are reservations. */
export function onStreamLost (state: CoordinatorState, event: EventOf<'stream-lost'>, effects: CoordinatorEffect[]): void {
  const { worker: id, nowMs } = event
  const executions = new Set(event.executions)

  backOff(state, id, nowMs)

  // nobody would say that they are given back
  forEachTaskOf(state, id, (entry, task) => {
    if (task.waiting != null) {
      executions.add(executionId(keyOf(entry, task, id)))
    }
  })

  for (const execution of executions) {
    const found = findTask(state, execution)

    if (found == null) {
      disengage(state, id, execution)
    } else if (isAtWorker(found.task, id) && event.unsent?.includes(execution) !== true) {
      // After START nobody here can know whether it began: it is asked again.
      doubt(state, found.task, id, execution)
    } else {
      declined(state, found.entry, found.task, id, event.reason, nowMs, effects)
    }
  }
}

/** START was sent to it, or assigned by an earlier coordinator: it may have begun. */
function isAtWorker (task: TaskEntry, worker: string): boolean {
  return (task.state === 'starting' || task.state === 'cancelling') && !task.prepared && (task.worker === worker || task.doubted.has(worker))
}

function doubt (state: CoordinatorState, task: TaskEntry, worker: string, execution: string): void {
  // one that is being cancelled is not asked again, but told of the cancel until it confirms
  if (task.state === 'starting') {
    task.doubted.add(worker)
    task.waiting = undefined
  }

  task.asked.delete(worker)
  disengage(state, worker, execution)
}

/** A task that waits for an answer waits for one that has not given it. */
export function lookAtNextDoubted (task: TaskEntry): void {
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
    conclude(state, entry, task, 'cancelled', undefined, nowMs, effects)
  } else if (task.asked.size === 0 && !lookElsewhere(state, entry, task, nowMs, effects)) {
    requeue(state, entry, task, reason, nowMs, effects)
  }
}

/** It takes nothing of this job, for good. Other jobs have nothing to do with that. */
function denied (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, nowMs: number, effects: CoordinatorEffect[]): void {
  if (!entry.cancelled) {
    noteDenial(state, entry, worker, nowMs)
  }

  declined(state, entry, task, worker, denialOf(entry, worker) ?? '', nowMs, effects)

  if (!entry.cancelled) {
    endDenied(state, entry, task, worker, nowMs, effects)
  }
}

/** What another coordinator has given out did not matter as long as it might run here. */
function lookElsewhere (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): boolean {
  const workers = [...task.elsewhere].flatMap(execution => {
    const key = task.assigned.get(execution)

    return key?.attempt === task.attempt && !task.records.has(execution) ? [key.worker] : []
  })

  task.elsewhere.clear()

  if (workers.length === 0) {
    return false
  }

  rollBack(state, entry, task, effects)
  task.prepared = false
  task.waiting = undefined
  task.worker = workers[0]
  workers.forEach(worker => task.doubted.add(worker))
  change(state, entry, task, 'starting', nowMs, effects)

  return true
}
