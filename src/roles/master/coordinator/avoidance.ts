import { formatDuration } from '../../../model/units.ts'
import type { Ended, TaskEntry } from './state.ts'

/** A worker that could not run a task is not given that one again for so long; twice as long each further time, up to the maximum. */
export const AVOID_MS = 5_000
export const MAX_AVOID_MS = 5 * 60_000

/** Workers that are named in one reason. */
const NAMED = 3

/**
 * Says no at once, as with a full disk, and has room again: before all others,
 * it would get the task until every retry is used up. So others come first for
 * a time, and where there are none the task waits.
 *
 * Counted by the records, so that every coordinator comes to the same; the time
 * goes on from when this master heard of the record. Of those that were on disk
 * already when it heard of the task, from then.
 */
export function avoid (task: TaskEntry, { key }: Ended, nowMs: number): void {
  if (task.target != null) {
    return
  }

  const refusals = new Map<string, number>()

  for (const { key: { worker }, outcome } of task.records.values()) {
    if (outcome === 'not-run') {
      refusals.set(worker, (refusals.get(worker) ?? 0) + 1)
    }
  }

  for (const [worker, count] of refusals) {
    if (task.avoids == null || worker === key.worker) {
      task.avoids ??= new Map()
      task.avoids.set(worker, nowMs + Math.min(AVOID_MS * 2 ** Math.min(count - 1, 16), MAX_AVOID_MS))
    }
  }
}

/** Those whose time is over may have it again. */
export function endAvoidance (task: TaskEntry, nowMs: number): void {
  task.avoids?.forEach((untilMs, worker) => {
    if (untilMs <= nowMs) {
      task.avoids?.delete(worker)
    }
  })
}

/** Why this worker is not given the task; undefined when it may be. */
export function avoidanceOf ({ avoids, records }: TaskEntry, worker: string, nowMs: number): string | undefined {
  const untilMs = avoids?.get(worker)
  const reason = [...records.values()].findLast(({ key, outcome }) => key.worker === worker && outcome === 'not-run')?.reason

  return untilMs == null
    ? undefined
    : `could not run it${reason == null ? '' : ` (${reason})`}: is asked again in ${formatDuration(Math.max(0, untilMs - nowMs))}, and others come first`
}

/**
 * Whom the task does without for now, for people: `not on lab-1 for 5 s`; undefined when there is nobody.
 *
 * @param names - of those that have no record of it
 */
export function avoidedNames ({ avoids, records }: TaskEntry, nowMs: number, names?: ReadonlyMap<string, string>): string | undefined {
  const avoided = [...avoids ?? []].map(([worker, untilMs]) => {
    const name = [...records.values()].find(({ key, workerName }) => key.worker === worker && workerName != null)?.workerName ?? names?.get(worker)

    return `${name ?? worker.slice(-8)} for ${formatDuration(Math.max(0, untilMs - nowMs))}`
  })

  return avoided.length === 0 ? undefined : `not on ${avoided.slice(0, NAMED).join(', ')}${avoided.length > NAMED ? ` and ${avoided.length - NAMED} more` : ''}`
}
