import { executionId } from '../../../model/ids.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { onEnd } from './facts.ts'
import { takeStock } from './records.ts'
import { disengage, engage, freshen, heard } from './capacity.ts'
import { retrack, touch } from './track.ts'
import { cancelOn, change, isBeingArranged, keyOf, leaveGroup } from './tasks.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/**
 * Takes over: what may have begun is asked of those that it was assigned to,
 * what runs goes on, the rest is arranged anew. Nothing new is offered before
 * this master knows what the others know, and all connected workers have said
 * what they hold, or the settling time is over.
 */
export function reign (state: CoordinatorState, { catchingUp = false, nowMs }: Extract<CoordinatorEvent, { kind: 'reign' }>, effects: CoordinatorEffect[]): void {
  if (state.mode === 'reign') {
    return
  }

  retrack(state)
  state.mode = 'reign'
  state.catchingUp = catchingUp
  state.reignedMs = nowMs
  state.unheard.clear()

  for (const [id, worker] of state.workers) {
    worker.engaged.clear()
    worker.payloads.clear()
    worker.retryAtMs = 0
    worker.failures = 0
    freshen(state, id)

    if (worker.connected) {
      state.unheard.add(id)
    } else {
      // they have as long as after a restart to find the new coordinator
      heard(state, id, nowMs)
    }
  }

  // while it stood by it had nothing to say
  for (const entry of state.jobs.values()) {
    if (entry.finishedAtMs != null && entry.endSaid !== true) {
      entry.endSaid = true
      effects.push({ kind: 'job-ended', job: entry.job.id, atMs: entry.finishedAtMs })
    }
  }

  forEachOpen(state, (entry, task) => { takeOver(state, entry, task, nowMs, effects) })
}

function takeOver (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  switch (task.state) {
    case 'running': {
      const worker = state.workers.get(task.worker ?? '')

      if (worker?.connected === true) {
        engage(state, worker.info.peerId, [executionId(keyOf(entry, task, worker.info.peerId))], nowMs)
      }

      break
    }
    case 'cancelling':
      for (const { worker } of task.assigned.values()) {
        if (worker !== task.worker) {
          effects.push({ kind: 'cancel-on', worker, job: entry.job.id })
        }
      }

      cancelOn(state, entry, task, task.worker ?? '', nowMs, effects)
      break
    case 'starting':
    case 'queued':
      takeStock(entry, task, nowMs)
      change(state, entry, task, task.state, nowMs, effects)
  }
}

/** Gives up what was being arranged. No worker is told: reservations end with their streams, and what has begun is the next coordinator's. */
export function standDown (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  if (state.mode === 'standby') {
    return
  }

  retrack(state)
  state.mode = 'standby'
  state.catchingUp = false
  state.unheard.clear()

  for (const entry of state.jobs.values()) {
    if (entry.group?.started === false) {
      entry.group = undefined
    }
  }

  forEachOpen(state, (entry, task) => {
    if (isBeingArranged(task)) {
      for (const worker of [...task.asked, ...task.worker == null ? [] : [task.worker]]) {
        disengage(state, worker, executionId(keyOf(entry, task, worker)))
      }

      leaveGroup(entry, task)
      takeStock(entry, task, nowMs)
      change(state, entry, task, task.state, nowMs, effects)
    }

    task.asked.clear()
  })

  for (const { job, finishedAtMs, endHeardAtMs } of state.jobs.values()) {
    if (finishedAtMs == null && endHeardAtMs != null) {
      onEnd(state, { kind: 'end', job: job.id, atMs: endHeardAtMs, nowMs }, effects)
    }
  }
}

function forEachOpen (state: CoordinatorState, visit: (entry: JobEntry, task: TaskEntry) => void): void {
  for (const entry of [...state.index.open]) {
    for (const task of entry.tasks.values()) {
      if (!isTaskEnd(task.state)) {
        touch(state, task)
        visit(entry, task)
      }
    }
  }
}
