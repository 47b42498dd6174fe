import { executionId } from '../../../model/ids.ts'
import { keyOf } from './tasks.ts'
import { retrackOne, touch } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/** Members of a group that are ready wait this long for the slowest one. */
const GROUP_WAIT_MS = 60_000

/** Measured tasks that are offered for the first time together start together. */
export function formGroup (entry: JobEntry, asked: readonly TaskEntry[]): void {
  if (entry.job.kind !== 'run' || entry.group != null || entry.tasks.size < 2 || asked.length === 0) {
    return
  }

  entry.group = { members: new Set(asked.map(task => task.name)), started: false }

  for (const task of entry.tasks.values()) {
    task.simultaneous = entry.group.members.has(task.name)
  }
}

/** Starts what is ready for it: at once what is alone, all members of a group when the last one is, or has been waited for long enough. */
export function startPrepared (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  const { index } = state

  for (const task of index.fresh.prepared) {
    const entry = state.jobs.get(task.job)

    index.visits++

    if (entry != null && task.prepared && task.state === 'starting' && !(entry.group?.started === false && entry.group.members.has(task.name))) {
      start(state, entry, [task], false, effects)
    }
  }

  index.fresh.prepared.clear()

  // only members of groups are left
  for (const [entry, tasks] of index.prepared) {
    const { group } = entry

    index.visits++

    if (group == null) {
      continue
    }

    group.deadlineMs ??= nowMs + GROUP_WAIT_MS

    if (tasks.size >= group.members.size || nowMs >= group.deadlineMs) {
      for (const name of group.members) {
        if (!tasks.has(entry.tasks.get(name)!)) {
          group.members.delete(name)
          entry.tasks.get(name)!.simultaneous = false
        }
      }

      group.started = true
      start(state, entry, [...tasks], tasks.size > 1, effects)
    }
  }
}

function start (state: CoordinatorState, entry: JobEntry, tasks: TaskEntry[], together: boolean, effects: CoordinatorEffect[]): void {
  const starts = tasks.map(task => ({ worker: task.worker!, executions: [assign(state, entry, task, task.worker!, effects)] }))

  tasks.forEach(task => { retrackOne(state, task) })
  effects.push({ kind: 'start', starts, together, reserved: true })
}

/** From here on only the worker knows: no longer ours to roll back. */
export function assign (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: string, effects: CoordinatorEffect[]): string {
  const key = keyOf(entry, task, worker)
  const execution = executionId(key)

  task.prepared = false
  task.assigned.set(execution, key)
  touch(state, task)
  effects.push({ kind: 'persist-assign', execution })

  return execution
}
