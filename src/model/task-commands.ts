import { argvFor, itemOf } from './each.ts'
import { MeshmarkError } from './errors.ts'
import { LIMIT_KEYS } from './limits.ts'
import { parseMapTask } from './map.ts'
import type { Command, Job } from './job.ts'
import type { SomeLimits } from './limits.ts'
import type { MapEntry } from './map.ts'

/** What a task of a job runs: all commands, the one made for its item, or the one of its entry. Throws `refused` for a task that the job does not have. */
export function taskCommands (job: Pick<Job, 'commands' | 'each' | 'map'>, task: string): Command[] {
  if (job.map != null) {
    const { command } = entryOf(job, task)
    const found = job.commands[command]

    if (found == null) {
      throw new MeshmarkError('refused', `task ${task} is for command ${command}, and the job has ${job.commands.length}`)
    }

    return [found]
  }

  const item = itemOf(job, task)

  return item === undefined ? job.commands : job.commands.map(command => ({ ...command, argv: argvFor(command, item) }))
}

/** Of a job with a map. Throws `refused` for a task that names none of its entries. */
export function entryOf (job: Pick<Job, 'map'>, task: string): MapEntry {
  const { list, entry } = parseMapTask(task)
  const found = job.map?.lists[list]?.entries[entry]

  if (found == null) {
    throw new MeshmarkError('refused', `task ${task} names no entry of its job's map`)
  }

  return found
}

/**
 * What a task asks for: the limits of its job, and over them those of its
 * entry of a map. Without a task the most that any entry asks for.
 */
export function limitsAsked (job: Pick<Job, 'limits'> & Partial<Pick<Job, 'commands' | 'map'>>, task?: string): SomeLimits {
  const { limits, commands = [], map } = job

  if (map == null) {
    return limits
  }

  if (task != null) {
    return { ...limits, ...commands[entryOf({ map }, task).command]?.limits }
  }

  return Object.fromEntries(LIMIT_KEYS.flatMap(key => {
    const asked = commands.flatMap(command => command.limits?.[key] ?? limits[key] ?? [])

    return asked.length === 0 ? [] : [[key, Math.max(...asked)]]
  }))
}
