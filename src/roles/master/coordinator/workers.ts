import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { engageAgain, freshen, heard, rouse, slotsOf } from './capacity.ts'
import { maxAttempt } from './records.ts'
import { cancelOn, change, conclude, forEachTaskOf, isBeingArranged, keyOf, requeue, rollBack, runAgain, settle } from './tasks.ts'
import { CANCEL_AGAIN_MS, welcome } from './ticks.ts'
import { taskOf } from './track.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'

export function onRegistered (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-registered' }>, effects: CoordinatorEffect[]): void {
  const id = event.info.peerId
  const held = new Set(event.holds.map(hold => hold.execution))

  // whatever was being arranged on the old connection is void
  forEachTaskOf(state, id, (entry, task) => {
    if (isBeingArranged(task)) {
      requeue(state, entry, task, undefined, event.nowMs, effects)
    } else {
      task.cancelSentMs = undefined
    }

    welcome(task)
  })

  const before = state.workers.get(id)

  state.workers.set(id, {
    info: event.info,
    connected: true,
    state: event.info.refusal == null ? 'waiting' : 'draining',
    detail: event.info.refusal,
    sinceMs: 0,
    lastHeardMs: event.nowMs,
    draining: event.draining,
    retryAtMs: 0,
    failures: 0,
    engaged: new Map(),
    running: new Set(),
    payloads: before?.payloads ?? new Set()
  })

  state.unheard.delete(id)
  state.index.resting.delete(id)
  heard(state, id, event.nowMs)
  freshen(state, id)

  for (const { execution, state: holding } of event.holds) {
    adopt(state, id, execution, holding, event.nowMs, effects)
  }

  forEachTaskOf(state, id, (entry, task) => {
    if (!held.has(executionId(keyOf(entry, task, id)))) {
      missing(state, entry, task, id, event.nowMs, effects)
    }
  })

  effects.push({ kind: 'worker-changed', worker: id })
}

/** A worker that has come back holds nothing of what it was given. */
function missing (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, nowMs: number, effects: CoordinatorEffect[]): void {
  if (task.worker !== worker) {
    return
  }

  switch (task.state) {
    case 'starting':
      // START has not arrived, or is still on its way behind the registration: it is asked, and nobody else
      task.asked.delete(worker)
      task.doubted.add(worker)
      task.waiting = undefined
      break
    case 'cancelling':
      if (state.mode === 'reign') {
        conclude(state, entry, task, 'cancelled', undefined, nowMs, effects)
      }
      break
    case 'running': {
      const reason = 'its worker has come back without a record of it'

      if (entry.cancelled) {
        conclude(state, entry, task, 'cancelled', undefined, nowMs, effects)
      } else if (!runAgain(state, entry, task, reason, nowMs, effects)) {
        conclude(state, entry, task, 'lost', reason, nowMs, effects)
      }
    }
  }
}

/**
 * What a worker says that it holds, whoever gave it that. It is believed unless
 * the task has ended or is known to be elsewhere; then its record will show that
 * it ran twice.
 */
function adopt (state: CoordinatorState, worker: string, execution: string, held: Held['state'], nowMs: number, effects: CoordinatorEffect[]): void {
  const key = parseExecutionId(execution)
  const entry = state.jobs.get(key.job)
  const task = taskOf(state, entry, key.task)

  if (entry == null || task == null || key.worker !== worker || task.records.has(execution)) {
    return
  }

  // nobody gave it that: a task of another machine would be taken away from it
  if ((task.target != null && task.target !== worker) || key.attempt > maxAttempt(task)) {
    return
  }

  if (isTaskEnd(task.state)) {
    // what counted as lost may run there still, and was cancelled meanwhile
    if (held !== 'finished' && entry.cancelled) {
      effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
    }

    return
  }

  const isHere = task.worker === worker && task.attempt === key.attempt
  const isOpen = isBeingArranged(task) || task.state === 'queued' || (task.state === 'starting' && task.doubted.size > 0 && held !== 'finished' && key.attempt >= task.attempt)

  if (!isHere && !isOpen) {
    if (held !== 'finished' && entry.cancelled) {
      effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
    }

    return
  }

  if (!isHere || isBeingArranged(task)) {
    rollBack(state, entry, task, effects)
    task.attempt = key.attempt
    task.prepared = false
    task.assigned.set(execution, key)
    settle(state, task, worker)
    change(state, entry, task, 'starting', nowMs, effects)
  }

  if (held !== 'finished') {
    engageAgain(state, worker, execution, nowMs)
    task.asked.delete(worker)
    task.doubted.clear()

    if (entry.cancelled) {
      if (nowMs - (task.cancelSentMs ?? -Infinity) >= CANCEL_AGAIN_MS) {
        cancelOn(state, entry, task, worker, nowMs, effects)
      }
    } else if (held === 'queued') {
      task.waiting ??= 'accepted'
    } else if (task.state !== 'running') {
      change(state, entry, task, 'running', nowMs, effects)
    }
  } else if (task.state === 'starting') {
    // its record is on the way; should it not come, it is asked
    task.doubted.add(worker)
  }
}

/**
 * A master that made no progress for a moment was not waited for: what was
 * given out then is known to the coordinator and to the worker alone. Should the
 * coordinator die now, its successor asks that worker, and gives it to nobody
 * else. Who coordinates itself knows what it has given out, once it knows what
 * the others know.
 */
export function onHolds (state: CoordinatorState, { worker, execution, nowMs }: Extract<CoordinatorEvent, { kind: 'worker-holds' }>, effects: CoordinatorEffect[]): void {
  if (state.mode === 'standby' || state.catchingUp || state.unheard.size > 0) {
    adopt(state, worker, execution, 'finished', nowMs, effects)
  }
}

export function onWorkerState (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-state' }>, effects: CoordinatorEffect[]): void {
  const worker = state.workers.get(event.worker)

  if (worker == null) {
    return
  }

  // one that was silent for so long that it counted as lost has only been slow
  if (!worker.connected) {
    worker.connected = true
    freshen(state, event.worker)
    forEachTaskOf(state, event.worker, (_, task) => { welcome(task) })
  }

  const changed = worker.state !== event.state || worker.detail !== event.detail
  const running = (event.executions ?? (event.execution == null ? [] : [event.execution])).filter(execution => !hasEnded(state, execution))

  if (changed || running.length !== worker.running.size || running.some(execution => !worker.running.has(execution))) {
    worker.running = new Set(event.state === 'running' ? running : [])
    freshen(state, event.worker)
  }

  heard(state, event.worker, event.nowMs)
  worker.state = event.state
  worker.detail = event.detail
  worker.sinceMs = event.sinceMs

  if (event.floor != null) {
    worker.info = { ...worker.info, floor: event.floor }
  }

  if (event.noise != null) {
    worker.info = { ...worker.info, noise: event.noise }
  }

  if (event.tools != null && worker.info.tools == null) {
    worker.info = { ...worker.info, tools: event.tools }
    // what it did not fit for the want of them it may fit now
    freshen(state, event.worker)
  }

  if (worker.failures === 0 && (event.state === 'waiting' || slotsOf(worker) > 1)) {
    rouse(state, event.worker, worker)
  }

  state.unheard.delete(event.worker)

  if (event.state === 'running') {
    running.forEach(execution => { adopt(state, event.worker, execution, 'running', event.nowMs, effects) })
  }

  if (changed) {
    effects.push({ kind: 'worker-changed', worker: event.worker })
  }
}

/** Its record has overtaken what its worker said of it before. */
function hasEnded (state: CoordinatorState, execution: string): boolean {
  const { job, task } = parseExecutionId(execution)

  return state.jobs.get(job)?.tasks.get(task)?.records.has(execution) === true
}

export function onGone (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-gone' }>, effects: CoordinatorEffect[]): void {
  const { worker: id, nowMs } = event
  const worker = state.workers.get(id)

  if (worker == null) {
    return
  }

  worker.connected = false
  worker.engaged.clear()
  worker.running.clear()
  heard(state, id, nowMs)
  freshen(state, id)

  forEachTaskOf(state, id, (entry, task) => {
    task.asked.delete(id)

    // others have been asked as well
    if (task.state === 'reserving' && task.asked.size > 0) {
      return
    }

    if (isBeingArranged(task)) {
      requeue(state, entry, task, 'its worker has gone away; waiting for it', nowMs, effects)
    }
  })

  effects.push({ kind: 'worker-changed', worker: id })
}
