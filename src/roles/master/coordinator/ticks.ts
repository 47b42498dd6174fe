import { executionId } from '../../../model/ids.ts'
import { isTaskEnd, WORKER_LOST_MS } from '../../../model/states.ts'
import { formatDuration } from '../../../model/units.ts'
import { forgetWorker, freshen, rest } from './capacity.ts'
import { mayRetry } from './records.ts'
import { shiftRestarts } from './restarts.ts'
import { CANCEL_PENDING, change, conclude, hasBegun, isBeingArranged, keyOf, requeue, rollBack, runAgain } from './tasks.ts'
import { retrack, touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/** A cancel that was not confirmed is said again; saying it twice does no harm. */
export const CANCEL_AGAIN_MS = 10_000

/** What waits at a worker for longer than this is worth a word to get it back. */
const RECALL_MS = 1_000

/** So long is a lost worker shown, and so many of them: over a weekend a lab may be switched off. */
export const LOST_KEPT_MS = 7 * 24 * 60 * 60 * 1000
export const MAX_LOST = 2_000

/** Ticks come every second: between two of them this long, nobody here was awake. */
const PAUSED_MS = 5_000

/** Every second: what follows from the silence of workers, and is due again. */
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

/** It is back: its list goes on. */
export function welcome (task: TaskEntry): void {
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
