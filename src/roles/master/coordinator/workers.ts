import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd, WORKER_LOST_MS } from '../../../model/states.ts'
import { formatDuration } from '../../../model/units.ts'
import { MAX_ATTEMPTS, mayRetry } from './records.ts'
import { cancelOn, change, conclude, forEachTaskOf, hasBegun, isBeingArranged, keyOf, requeue, rollBack, runAgain, settle } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'

/** A cancel that was not confirmed is said again; saying it twice does no harm. */
const CANCEL_AGAIN_MS = 10_000

/** Ticks come every second: between two of them this long, nobody here was awake. */
const PAUSED_MS = 5_000

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

  state.unheard.delete(id)

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
      break
    case 'cancelling':
      if (state.mode === 'reign') {
        conclude(entry, task, 'cancelled', undefined, nowMs, effects)
      }
      break
    case 'running': {
      const reason = 'its worker has come back without a record of it'

      if (entry.cancelled) {
        conclude(entry, task, 'cancelled', undefined, nowMs, effects)
      } else if (!runAgain(state, entry, task, reason, nowMs, effects)) {
        conclude(entry, task, 'lost', reason, nowMs, effects)
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
  const task = entry?.tasks.get(key.task)

  if (entry == null || task == null || key.worker !== worker || task.records.has(execution)) {
    return
  }

  // nobody gave it that: a task of another machine would be taken away from it
  if ((task.target != null && task.target !== worker) || key.attempt >= MAX_ATTEMPTS) {
    return
  }

  if (isTaskEnd(task.state)) {
    // what counted as lost may run there still, and was cancelled meanwhile
    if (held === 'running' && entry.cancelled) {
      effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
    }

    return
  }

  const isHere = task.worker === worker && task.attempt === key.attempt
  const isOpen = isBeingArranged(task) || task.state === 'queued' || (task.state === 'starting' && task.doubted.size > 0 && held === 'running' && key.attempt >= task.attempt)

  if (!isHere && !isOpen) {
    if (held === 'running' && entry.cancelled) {
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
    change(entry, task, 'starting', nowMs, effects)
  }

  if (held === 'running') {
    state.workers.get(worker)!.engaged = execution
    task.asked.delete(worker)
    task.doubted.clear()

    if (entry.cancelled) {
      if (nowMs - (task.cancelSentMs ?? -Infinity) >= CANCEL_AGAIN_MS) {
        cancelOn(entry, task, worker, nowMs, effects)
      }
    } else if (task.state !== 'running') {
      change(entry, task, 'running', nowMs, effects)
    }
  } else if (task.state === 'starting') {
    // its record is on the way; should it not come, it is asked
    task.doubted.add(worker)
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

  state.unheard.delete(event.worker)

  if (event.state === 'running' && event.execution != null) {
    adopt(state, event.worker, event.execution, 'running', event.nowMs, effects)
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

    if (isBeingArranged(task)) {
      requeue(state, entry, task, 'its worker has gone away; waiting for it', nowMs, effects)
    }
  })

  effects.push({ kind: 'worker-changed', worker: id })
}

export function onTick (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  forgivePause(state, nowMs)

  for (const [id, worker] of state.workers) {
    if (nowMs - worker.lastHeardMs >= WORKER_LOST_MS && worker.state !== 'lost') {
      worker.state = 'lost'
      worker.connected = false
      worker.engaged = undefined
      effects.push({ kind: 'worker-changed', worker: id })
    }
  }

  // a standby may be the only one that does not hear them
  if (state.mode === 'reign') {
    cancelAgain(state, nowMs, effects)
    giveUp(state, nowMs, effects)
  }
}

/** Tasks whose worker has been silent for too long: run again elsewhere where the job wants that, lost otherwise. */
function giveUp (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs != null) {
      continue
    }

    for (const task of entry.tasks.values()) {
      forgetSilent(state, entry, task, nowMs, effects)

      const id = task.worker ?? task.target

      if (id == null || isTaskEnd(task.state)) {
        continue
      }

      const worker = state.workers.get(id)
      const silentMs = nowMs - (worker?.lastHeardMs ?? Math.max(task.sinceMs, state.reignedMs ?? 0))
      const retryMs = entry.job.retryLostMs

      if (worker?.connected !== true && retryMs != null && hasBegun(task) && mayRetry(entry, task)) {
        const silence = `nothing heard from ${worker?.info.name ?? 'its worker'} for`

        if (silentMs >= retryMs) {
          runAgain(state, entry, task, `${silence} ${formatDuration(retryMs)}: run again`, nowMs, effects)
        } else if (silentMs >= WORKER_LOST_MS) {
          task.reason = `${silence} ${WORKER_LOST_MS / 1_000} s: run again after ${formatDuration(retryMs)}`
        }
      } else if (silentMs >= WORKER_LOST_MS && task.target == null && isBeingArranged(task)) {
        requeue(state, entry, task, undefined, nowMs, effects)
      } else if (silentMs >= WORKER_LOST_MS) {
        const reason = task.state === 'cancelling'
          ? 'cancel pending: its worker is not connected'
          : `nothing heard from its worker for ${WORKER_LOST_MS / 1_000} s`

        rollBack(state, entry, task, effects)
        // all masters must infer the same from what is on disk
        conclude(entry, task, entry.cancelled ? 'cancelled' : 'lost', reason, nowMs, effects)
      }
    }
  }
}

/** A task that was only offered to them waits for the others. */
function forgetSilent (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  if (task.state !== 'reserving' || task.target != null) {
    return
  }

  for (const id of task.asked) {
    if (nowMs - (state.workers.get(id)?.lastHeardMs ?? 0) >= WORKER_LOST_MS) {
      task.asked.delete(id)
    }
  }

  if (task.asked.size === 0) {
    requeue(state, entry, task, undefined, nowMs, effects)
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
