import { executionId } from '../../../model/ids.ts'
import { isTaskEnd, WORKER_LOST_MS } from '../../../model/states.ts'
import { change, findTask, forEachTaskOf, keyOf, requeue, rollBack, settle } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState } from './state.ts'

/** A cancel that was not confirmed is said again; saying it twice does no harm. */
const CANCEL_AGAIN_MS = 10_000

/** Ticks come every second: between two of them this long, nobody here was awake. */
const PAUSED_MS = 5_000

export function onRegistered (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-registered' }>, effects: CoordinatorEffect[]): void {
  const id = event.info.peerId
  const held = new Map(event.holds.map(hold => [hold.execution, hold.state]))

  // whatever was being arranged on the old connection is void
  forEachTaskOf(state, id, (entry, task) => {
    if (task.state === 'reserving' || task.state === 'sending' || (task.state === 'starting' && task.prepared)) {
      requeue(state, entry, task, undefined, event.nowMs, effects)
    }
  })

  state.workers.set(id, {
    info: event.info,
    connected: true,
    state: event.info.refusal == null ? 'waiting' : 'draining',
    detail: event.info.refusal,
    sinceMs: 0,
    lastHeardMs: event.nowMs,
    draining: event.draining,
    retryAtMs: 0,
    failures: 0
  })

  forEachTaskOf(state, id, (entry, task) => {
    const execution = executionId(keyOf(entry, task, id))
    const holding = held.get(execution)

    if (holding === 'running') {
      settle(state, task, id)
      state.workers.get(id)!.engaged = execution

      if (task.state === 'cancelling' || entry.cancelled) {
        effects.push({ kind: 'cancel-on', worker: id, job: entry.job.id })
      } else {
        change(entry, task, 'running', event.nowMs, effects)
      }
    } else if (holding == null && (task.state === 'starting' || task.state === 'running' || task.state === 'cancelling')) {
      if (entry.cancelled) {
        change(entry, task, 'cancelled', event.nowMs, effects)
      } else if (task.state === 'starting') {
        // START has not arrived, or is still on its way behind the registration: it is asked, and nobody else
        task.unsure = true
      } else {
        task.reason = 'its worker has come back without a record of it'
        change(entry, task, 'lost', event.nowMs, effects)
      }
    }
  })

  cancelHeld(state, event, effects)
  effects.push({ kind: 'worker-changed', worker: id })
}

/** What counted as lost may run there still, and was cancelled meanwhile. */
function cancelHeld (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-registered' }>, effects: CoordinatorEffect[]): void {
  for (const { execution, state: held } of event.holds) {
    const found = held === 'running' ? findTask(state, execution) : undefined

    if (found != null && found.entry.cancelled && isTaskEnd(found.task.state)) {
      effects.push({ kind: 'cancel-on', worker: event.info.peerId, job: found.entry.job.id })
    }
  }
}

export function onWorkerState (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-state' }>, effects: CoordinatorEffect[]): void {
  const worker = state.workers.get(event.worker)

  if (worker == null) {
    return
  }

  // one that was silent for so long that it counted as lost has only been slow
  worker.connected = true

  const changed = worker.state !== event.state || worker.detail !== event.detail

  worker.lastHeardMs = event.nowMs
  worker.state = event.state
  worker.detail = event.detail
  worker.sinceMs = event.sinceMs

  if (event.floor != null) {
    worker.info = { ...worker.info, floor: event.floor }
  }

  if (event.state === 'waiting' && worker.failures === 0) {
    worker.retryAtMs = 0
  }

  if (changed) {
    effects.push({ kind: 'worker-changed', worker: event.worker })
  }
}

export function onGone (state: CoordinatorState, event: Extract<CoordinatorEvent, { kind: 'worker-gone' }>, effects: CoordinatorEffect[]): void {
  const { worker: id, nowMs } = event
  const worker = state.workers.get(id)

  if (worker == null) {
    return
  }

  worker.connected = false
  worker.engaged = undefined
  worker.lastHeardMs = nowMs

  forEachTaskOf(state, id, (entry, task) => {
    task.asked.delete(id)

    // others have been asked as well
    if (task.state === 'reserving' && task.asked.size > 0) {
      return
    }

    if (task.state === 'reserving' || task.state === 'sending' || (task.state === 'starting' && task.prepared)) {
      requeue(state, entry, task, 'its worker has gone away; waiting for it', nowMs, effects)
    }
  })

  effects.push({ kind: 'worker-changed', worker: id })
}

export function onTick (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  forgivePause(state, nowMs)
  cancelAgain(state, nowMs, effects)

  for (const [id, worker] of state.workers) {
    if (nowMs - worker.lastHeardMs < WORKER_LOST_MS) {
      continue
    }

    if (worker.state !== 'lost') {
      worker.state = 'lost'
      worker.connected = false
      worker.engaged = undefined
      effects.push({ kind: 'worker-changed', worker: id })
    }

    forEachTaskOf(state, id, (entry, task) => {
      if (task.target == null && task.worker == null) {
        // an `any` task that was only offered to it
        task.asked.delete(id)

        if (task.asked.size === 0) {
          requeue(state, entry, task, undefined, nowMs, effects)
        }

        return
      }

      task.reason = task.state === 'cancelling'
        ? 'cancel pending: its worker is not connected'
        : `nothing heard from its worker for ${WORKER_LOST_MS / 1_000} s`
      rollBack(state, entry, task, effects)
      change(entry, task, 'lost', nowMs, effects)
    })
  }
}

/**
 * A master that was paused itself (suspended, swapped out) or whose clock was
 * set has heard nobody meanwhile: that is nobody's fault.
 */
function forgivePause (state: CoordinatorState, nowMs: number): void {
  const passedMs = nowMs - (state.tickedMs ?? nowMs)
  state.tickedMs = nowMs

  if (passedMs >= 0 && passedMs < PAUSED_MS) {
    return
  }

  for (const worker of state.workers.values()) {
    worker.lastHeardMs = Math.min(worker.lastHeardMs + passedMs, nowMs)
    worker.retryAtMs += passedMs
  }
}

function cancelAgain (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  for (const entry of state.jobs.values()) {
    if (!entry.cancelled || entry.finishedAtMs != null) {
      continue
    }

    for (const task of entry.tasks.values()) {
      if (task.state === 'cancelling' && task.worker != null && state.workers.get(task.worker)?.connected === true && nowMs - (task.cancelSentMs ?? 0) >= CANCEL_AGAIN_MS) {
        task.cancelSentMs = nowMs
        effects.push({ kind: 'cancel-on', worker: task.worker, job: entry.job.id })
      }
    }
  }
}
