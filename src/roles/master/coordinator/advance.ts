import { isTaskEnd } from '../../../model/states.ts'
import { stopsList } from './map-lists.ts'
import { change, conclude, hasBegun } from './tasks.ts'
import { touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/**
 * After the end of some entries: the next of their lists may begin, or never
 * will. All of it follows from records, so every master comes to the same; one
 * that comes late may change it.
 */
export function advanceLists (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const { ended } = state.index.fresh

  for (const task of ended) {
    const entry = state.jobs.get(task.job)

    ended.delete(task)

    if (entry != null && entry.tasks.get(task.name) === task) {
      advance(state, entry, task, nowMs, effects)
    }
  }
}

function advance (state: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number, effects: CoordinatorEffect[]): void {
  const next = task.after

  if (next == null) {
    return
  }

  const reason = isTaskEnd(task.state) ? stopsList(entry, task) : undefined

  state.index.visits++
  touch(state, next)

  if (reason === next.notBegun || next.records.size > 0 || hasBegun(next) || (entry.cancelled && isTaskEnd(next.state))) {
    return
  }

  next.notBegun = reason

  if (reason != null) {
    conclude(state, entry, next, 'cancelled', reason, nowMs, effects)
  } else {
    next.reason = undefined
    change(state, entry, next, entry.finishedAtMs == null ? 'queued' : 'lost', nowMs, effects)
  }

  state.index.fresh.ended.add(next)
}
