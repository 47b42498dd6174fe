import { executionId, parseExecutionId } from '../../../model/ids.ts'
import { isTaskEnd, WORKER_LOST_MS } from '../../../model/states.ts'
import { formatDuration } from '../../../model/units.ts'
import { engageAgain, forgetWorker, freshen, heard, rest, rouse, slotsOf } from './capacity.ts'
import { maxAttempt, mayRetry } from './records.ts'
import { shiftRestarts } from './restarts.ts'
import { CANCEL_PENDING, cancelOn, change, conclude, forEachTaskOf, hasBegun, isBeingArranged, keyOf, requeue, rollBack, runAgain, settle } from './tasks.ts'
import { retrack, taskOf, touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'
import type { Held } from '../../../node/protocol/register/messages.ts'

/** A cancel that was not confirmed is said again; saying it twice does no harm. */
const CANCEL_AGAIN_MS = 10_000

/** What waits at a worker for longer than this is worth a word to get it back. */
const RECALL_MS = 1_000

/** So long is a lost worker shown, and so many of them: over a weekend a lab may be switched off. */
export const LOST_KEPT_MS = 7 * 24 * 60 * 60 * 1000
export const MAX_LOST = 2_000

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

export function onTick (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  forgivePause(state, nowMs)

  for (const id of state.index.heard) {
    const worker = state.workers.get(id)!

    state.index.visits++

    // the others were heard later
    if (nowMs - worker.lastHeardMs < WORKER_LOST_MS) {
      break
    }

    state.index.heard.delete(id)

    if (worker.state !== 'lost') {
      worker.state = 'lost'
      worker.connected = false
      worker.engaged.clear()
      worker.running.clear()
      freshen(state, id)
      effects.push({ kind: 'worker-changed', worker: id })
    }

    state.index.lost.add(id)
  }

  forgetLost(state, nowMs)

  // a standby may be the only one that does not hear them
  if (state.mode === 'reign') {
    retrack(state)
    cancelAgain(state, nowMs, effects)
    giveUp(state, nowMs, effects)
    recall(state, nowMs, effects)
  }
}

/** Machines come and go, with a new identity each time where they keep no disk. */
function forgetLost (state: CoordinatorState, nowMs: number): void {
  const { index } = state

  for (const id of index.lost) {
    const worker = state.workers.get(id)

    index.visits++

    // the others were lost later
    if (worker != null && index.lost.size <= MAX_LOST && nowMs - worker.lastHeardMs < LOST_KEPT_MS) {
      return
    }

    // a row of a job that goes on says who it waits for
    if (!index.byWorker.has(id)) {
      forgetWorker(state, id)
    }
  }
}

/** Tasks whose worker has been silent for too long: run again elsewhere where the job wants that, lost otherwise. */
function giveUp (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  for (const [id, tasks] of [...state.index.byWorker]) {
    const worker = state.workers.get(id)

    state.index.visits++

    // whoever was heard, and is there
    if (worker?.connected === true && nowMs - worker.lastHeardMs < WORKER_LOST_MS) {
      continue
    }

    for (const task of [...tasks]) {
      const entry = state.jobs.get(task.job)

      state.index.visits++

      if (entry != null) {
        touch(state, task)
        giveUpOne(state, entry, task, nowMs, effects)
      }
    }
  }
}

function giveUpOne (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  forgetSilent(state, entry, task, nowMs, effects)

  const id = task.worker ?? task.target

  if (id == null || isTaskEnd(task.state)) {
    return
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
  } else if (silentMs >= WORKER_LOST_MS && entry.job.map != null && !entry.cancelled) {
    letGo(state, entry, task, nowMs, effects)
  } else if (silentMs >= WORKER_LOST_MS) {
    const reason = task.state === 'cancelling'
      ? CANCEL_PENDING
      : `nothing heard from its worker for ${WORKER_LOST_MS / 1_000} s`

    rollBack(state, entry, task, effects)
    // all masters must infer the same from what is on disk
    conclude(state, entry, task, entry.cancelled ? 'cancelled' : 'lost', reason, nowMs, effects)
  }
}

/** Of a map: nobody else can do it, so its list goes on when its worker is back. */
function letGo (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  if (isBeingArranged(task)) {
    requeue(state, entry, task, LET_GO, nowMs, effects)
  } else if (task.reason !== LET_GO) {
    task.reason = LET_GO
    change(state, entry, task, task.state, nowMs, effects)
  }
}

function welcome (task: TaskEntry): void {
  if (task.reason === LET_GO) {
    task.reason = undefined
  }
}

const LET_GO = `nothing heard from its worker for ${WORKER_LOST_MS / 1_000} s: its list goes on when it is back`

/** When there is room and nothing to fill it with, what waits behind a long one elsewhere is asked back, the last ones first. */
function recall (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const { index } = state

  if (index.waiting.size === 0 || index.free.size === 0 || index.openLanes.size > 0) {
    return
  }

  const waiting = [...index.waiting].filter(task => task.waiting === 'accepted' && nowMs - task.sinceMs >= RECALL_MS).slice(-index.free.size)

  for (const task of waiting) {
    const entry = state.jobs.get(task.job)

    if (entry != null && task.worker != null) {
      task.waiting = 'recalled'
      effects.push({ kind: 'recall', worker: task.worker, execution: executionId(keyOf(entry, task, task.worker)) })
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

  for (const [id, worker] of state.workers) {
    // set back: who was heard before is in the future now, and who was heard since has the time right
    worker.lastHeardMs = Math.min(worker.lastHeardMs + Math.max(passedMs, 0), nowMs)

    if (state.index.resting.has(id)) {
      rest(state, id, worker.retryAtMs + passedMs)
    }
  }

  shiftRestarts(state, passedMs)
}

function cancelAgain (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  // one word is enough for all that a worker has of a job
  const told = new Set<string>()

  for (const task of state.index.cancelling) {
    state.index.visits++

    if (task.worker != null && state.workers.get(task.worker)?.connected === true && nowMs - (task.cancelSentMs ?? 0) >= CANCEL_AGAIN_MS) {
      task.cancelSentMs = nowMs

      if (!told.has(`${task.job} ${task.worker}`)) {
        told.add(`${task.job} ${task.worker}`)
        effects.push({ kind: 'cancel-on', worker: task.worker, job: task.job })
      }
    }
  }
}
