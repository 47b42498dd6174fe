import { commandTitle } from '../../../model/job.ts'
import { mapTask, parseMapTask } from '../../../model/map.ts'
import { isTaskEnd } from '../../../model/states.ts'
import { taskCommands } from '../../../model/task-commands.ts'
import type { JobEntry, Target, TaskEntry } from './state.ts'
import type { Job } from '../../../model/job.ts'

/** What is frozen of a map is who does which list: here is every entry of it, in order. */
export function expandTargets (job: Pick<Job, 'map'>, targets: readonly Target[]): readonly Target[] {
  return job.map == null
    ? targets
    : targets.flatMap(target => {
      const { worker, list } = parseMapTask(target.task)

      return (job.map?.lists[list]?.entries ?? []).map((_, entry) => ({ ...target, task: mapTask(worker, list, entry) }))
    })
}

/** An entry of a list may begin only after the one before it. */
export function linkLists (entry: JobEntry): void {
  if (entry.job.map == null) {
    return
  }

  for (const task of entry.tasks.values()) {
    const { worker, list, entry: at } = parseMapTask(task.name)
    const before = at === 0 ? undefined : entry.tasks.get(mapTask(worker, list, at - 1))

    if (before != null) {
      task.before = before
      before.after = task
    }
  }
}

/** Does it wait for the entry before it? */
export function isBehind ({ before }: TaskEntry): boolean {
  return before != null && !isTaskEnd(before.state)
}

/** It has ended, and what follows it in its list must not begin. Its words, or those of an earlier one that stopped the list. */
export function stopsList (entry: JobEntry, task: TaskEntry): string | undefined {
  if (task.notBegun != null || !isTaskEnd(task.state) || task.state === 'done') {
    return task.notBegun
  }

  const { list } = parseMapTask(task.name)

  return entry.job.map?.lists[list]?.keepGoing === true ? undefined : `not begun: ${titleOf(entry, task)} before it failed`
}

export function titleOf (entry: JobEntry, task: TaskEntry): string {
  return taskCommands(entry.job, task.name).map(commandTitle).join(' · ')
}
