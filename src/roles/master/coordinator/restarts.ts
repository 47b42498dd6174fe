import { isTaskEnd } from '../../../model/states.ts'
import { endAvoidance } from './avoidance.ts'
import { freshen } from './capacity.ts'
import { pause } from './pauses.ts'
import { latestAttempt } from './records.ts'
import { change, rollBack } from './tasks.ts'
import { touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, Ended, JobEntry, TaskEntry } from './state.ts'

/** Once more as its rule says, after a pause, as another execution. Nothing of it runs any more: `record` says so. */
export function restart (state: CoordinatorState, entry: JobEntry, task: TaskEntry, record: Ended, nowMs: number, effects: CoordinatorEffect[]): void {
  rollBack(state, entry, task, effects)
  task.attempt = Math.max(latestAttempt(task), record.key.attempt) + 1
  task.prepared = false
  task.doubted.clear()
  task.worker = undefined

  if (task.target == null) {
    task.info = undefined
  }

  change(state, entry, task, 'queued', nowMs, effects)
  pause(task, record, nowMs)
}

/** Those whose pause is over are queued like any other. */
export function wakeRestarts (state: CoordinatorState, nowMs: number): void {
  for (const task of state.index.restarts.take(nowMs)) {
    state.index.visits++

    if (task.restart != null && !isTaskEnd(task.state)) {
      task.restart.due = true
      touch(state, task)

      if (task.target != null) {
        freshen(state, task.target)
      }
    }
  }
}

/** Those that do without a worker for which that is over. */
export function wakeAvoided (state: CoordinatorState, nowMs: number): void {
  for (const task of state.index.avoiding.take(nowMs)) {
    state.index.visits++
    endAvoidance(task, nowMs)
    touch(state, task)
  }
}

/** A clock that was set, or stood still, is no reason to wait for longer. */
export function shiftRestarts (state: CoordinatorState, byMs: number): void {
  for (const task of [...state.index.avoiding.items]) {
    task.avoids?.forEach((untilMs, worker) => task.avoids?.set(worker, untilMs + byMs))
    touch(state, task)
  }

  for (const task of [...state.index.restarts.items]) {
    if (task.restart != null) {
      task.restart.atMs += byMs
      touch(state, task)
    }
  }
}
