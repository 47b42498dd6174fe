import { parseExecutionId } from '../../../model/ids.ts'
import type { JobEntry, TaskEntry, WorkerEntry } from './state.ts'

/** May another task of its job, which is for different workers, be at this one? */
export function isHeldFrom (entry: JobEntry, task: TaskEntry, worker: WorkerEntry): boolean {
  const holders = holdersOf(entry, worker)

  return holders.size > 1 || (holders.size === 1 && !holders.has(task))
}

/**
 * Tasks of a job for different workers that this one keeps from the others of
 * the job. What runs there by its own word is one of them, also where the task
 * is known to be elsewhere: another coordinator may have given it further
 * attempts of which nothing is known here.
 */
export function holdersOf ({ job, tasks, held }: JobEntry, { info, running }: WorkerEntry): ReadonlySet<TaskEntry> {
  const known = held?.get(info.peerId) ?? NOBODY

  if (held == null || running.size === 0) {
    return known
  }

  const said = [...running].flatMap(execution => {
    const key = parseExecutionId(execution)

    return key.job === job.id ? tasks.get(key.task) ?? [] : []
  })

  return said.length === 0 ? known : new Set([...known, ...said])
}

const NOBODY: ReadonlySet<TaskEntry> = new Set()
