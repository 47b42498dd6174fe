import type { ProfileChange } from '../model/profile.ts'
import type { Outcome } from '../model/result.ts'
import type { WorkerState } from '../model/states.ts'

/** A time in which a worker was in one state. Milliseconds since 1970. */
export interface Span {
  fromMs: number
  untilMs: number
  state: WorkerState
}

/** One execution that has ended. */
export interface Done {
  fromMs: number
  untilMs: number
  outcome: Outcome
  /** Absent = somebody else's. */
  job?: string
  task?: string
}

/** What one worker did in a time. */
export interface Activity {
  worker: string
  name: string
  /** In order, without overlaps; there may be gaps, when it was away. */
  spans: Span[]
  /** In the order of their ends. */
  tasks: Done[]
  /** Part of the time in which it was running something. */
  busyMs: number
  /** As it was last; undefined when only executions are known. */
  state?: WorkerState
}

/** A time, milliseconds since 1970. */
export interface Window {
  fromMs: number
  untilMs: number
}

const BY_NAME = new Intl.Collator('en', { numeric: true })

/**
 * What each worker did, by name. Executions that began before the time or are
 * recorded after it are cut off or left out.
 */
export function activitiesOf (changes: readonly ProfileChange[], { fromMs, untilMs }: Window): Activity[] {
  const workers = new Map<string, Activity>()

  for (const change of [...changes].sort((a, b) => a.atMs - b.atMs)) {
    const known = workers.get(change.worker)
    const activity = known ?? { worker: change.worker, name: change.workerName, spans: [], tasks: [], busyMs: 0 }

    workers.set(change.worker, activity)

    if (change.kind === 'state') {
      activity.name = change.workerName
      enter(activity, change.state, Math.max(change.atMs, fromMs), untilMs)
    } else if (change.endedAtMs > fromMs && change.startedAtMs < untilMs) {
      const { outcome, job, task } = change

      activity.tasks.push({ fromMs: Math.max(change.startedAtMs, fromMs), untilMs: Math.min(change.endedAtMs, untilMs), outcome, ...(job == null ? {} : { job }), ...(task == null ? {} : { task }) })
    }
  }

  for (const activity of workers.values()) {
    activity.tasks.sort((a, b) => a.untilMs - b.untilMs)
    activity.busyMs = unionMs([...activity.tasks, ...activity.spans.filter(({ state }) => state === 'running')])
  }

  return [...workers.values()].sort((a, b) => BY_NAME.compare(a.name, b.name))
}

/** Everything of these changes. Undefined when there are none. */
export function windowOf (changes: readonly ProfileChange[]): Window | undefined {
  return changes.length === 0
    ? undefined
    : {
        fromMs: changes.reduce((least, change) => Math.min(least, change.kind === 'task' ? change.startedAtMs : change.atMs), Infinity),
        untilMs: changes.reduce((most, change) => Math.max(most, change.kind === 'task' ? change.endedAtMs : change.atMs), -Infinity)
      }
}

/** Beside each other what ran at the same time, in as few lanes as there can be: the lane of each, by its place in the list. */
export function lanesOf (tasks: ReadonlyArray<Pick<Window, 'fromMs' | 'untilMs'>>): number[] {
  const ends: number[] = []
  const lanes = new Array<number>(tasks.length).fill(0)
  const order = tasks.map((task, at) => ({ task, at })).sort((a, b) => a.task.fromMs - b.task.fromMs)

  for (const { task, at } of order) {
    const free = ends.findIndex(end => end <= task.fromMs)
    const lane = free === -1 ? ends.length : free

    ends[lane] = task.untilMs
    lanes[at] = lane
  }

  return lanes
}

function enter (activity: Activity, state: WorkerState, atMs: number, untilMs: number): void {
  const last = activity.spans.at(-1)

  if (atMs >= untilMs) {
    return
  }

  if (last != null) {
    last.untilMs = Math.min(last.untilMs, atMs)

    // no time was spent in it
    if (last.untilMs <= last.fromMs) {
      activity.spans.pop()
    }
  }

  activity.state = state

  if (activity.spans.at(-1)?.state === state && activity.spans.at(-1)?.untilMs === atMs) {
    activity.spans.at(-1)!.untilMs = untilMs
  } else {
    activity.spans.push({ fromMs: atMs, untilMs, state })
  }
}

/** How long at least one of them lasted. */
function unionMs (spans: ReadonlyArray<Pick<Window, 'fromMs' | 'untilMs'>>): number {
  let total = 0
  let covered = -Infinity

  for (const { fromMs, untilMs } of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    total += Math.max(0, untilMs - Math.max(fromMs, covered))
    covered = Math.max(covered, untilMs)
  }

  return total
}
