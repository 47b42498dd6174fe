import { unmetDemand } from '../../../machine/demands.ts'
import { parseExecutionId, shortJobId } from '../../../model/ids.ts'
import { formatDuration } from '../../../model/units.ts'
import { avoidanceOf } from './avoidance.ts'
import { DENIAL } from './denials.ts'
import { hasRoom, placesTaken, slotsOf } from './capacity.ts'
import { unfit } from './fit.ts'
import { isHeldFrom } from './holders.ts'
import { isBehind } from './map-lists.ts'
import { isPaused } from './pauses.ts'
import type { CoordinatorState, JobEntry, TaskEntry, WorkerEntry } from './state.ts'
import type { Hindrance } from '../../../node/protocol/submit/messages.ts'

const NAMED = 10
const MOST = 64

/**
 * For each worker that may do something that waits of this job why it does not
 * start it now, those of one reason together, most first. Empty when nothing
 * waits for a worker.
 *
 * @param viewer - of other clients' jobs nothing is told but that they are there
 */
export function hindrancesOf (state: CoordinatorState, entry: JobEntry, viewer: string, nowMs: number): Hindrance[] {
  const found = new Map<string, Hindrance>()
  const note = (name: string, reason: string): void => {
    const known = found.get(reason) ?? { reason, workers: [], count: 0 }

    known.count++

    if (known.workers.length < NAMED) {
      known.workers.push(name)
    }

    found.set(reason, known)
  }
  const waiting = entry.finishedAtMs != null || entry.cancelled ? [] : [...entry.tasks.values()].filter(task => task.state === 'queued' && !isBehind(task))
  const anywhere = waiting.find(task => task.target == null && !isPaused(task))

  if (anywhere != null) {
    for (const worker of state.workers.values()) {
      note(worker.info.name, hindranceOf(state, entry, anywhere, worker, viewer, nowMs))
    }
  }

  for (const task of waiting) {
    if (task.target != null) {
      const worker = state.workers.get(task.target)

      note(worker?.info.name ?? task.info?.name ?? task.target.slice(-8), isPaused(task)
        ? `${task.reason}, in ${formatDuration(Math.max(0, task.restart!.atMs - nowMs))}`
        : worker == null ? 'not connected' : hindranceOf(state, entry, task, worker, viewer, nowMs))
    }
  }

  return [...found.values()].sort((a, b) => b.count - a.count).slice(0, MOST)
}

function hindranceOf (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: WorkerEntry, viewer: string, nowMs: number): string {
  return misfitOf(worker, entry.job, task.name) ?? obstacleOf(state, entry, task, worker, viewer, nowMs) ?? (placesTaken(worker) > 0 ? KEPT_FREE : 'is about to be given something')
}

/** It has room, and gets nothing of what is queued. */
export const KEPT_FREE = 'is kept free for what measures, which comes first and needs the whole machine'

/** Why a worker can do nothing of a job, whatever else it does. */
export function misfitOf (worker: WorkerEntry, job: JobEntry['job'], task: string): string | undefined {
  return worker.state === 'lost' || !worker.connected
    ? 'nothing is heard from it'
    : unfit(worker, job.placement) ?? unmetDemand(worker.info, job, job.map == null ? undefined : task)
}

/** Why a worker that could do it does not do it now; undefined when it has room. */
export function obstacleOf (state: CoordinatorState, entry: JobEntry, task: TaskEntry, worker: WorkerEntry, viewer: string, nowMs: number): string | undefined {
  const { job } = entry

  if (isHeldFrom(entry, task, worker)) {
    return 'has another task of this job'
  }

  const deniedUntilMs = entry.deniers?.has(worker.info.peerId) === true ? task.avoids?.get(worker.info.peerId) : undefined

  if (deniedUntilMs != null) {
    return `${DENIAL}: is asked again in ${formatDuration(Math.max(0, deniedUntilMs - nowMs))}`
  }

  const avoided = avoidanceOf(task, worker.info.peerId, nowMs)

  if (avoided != null) {
    return avoided
  }

  if (worker.retryAtMs > nowMs) {
    return `is asked again in ${formatDuration(worker.retryAtMs - nowMs)}: it has declined, or could not be reached`
  }

  const taken = placesTaken(worker)

  if (taken >= slotsOf(worker) || (taken > 0 && job.kind === 'run')) {
    return `busy with ${busyWith(state, worker, viewer)}${taken < slotsOf(worker) ? ', and what measures needs the whole machine' : ''}`
  }

  return hasRoom(worker, nowMs) ? undefined : `is ${worker.state}`
}

function busyWith (state: CoordinatorState, worker: WorkerEntry, viewer: string): string {
  const jobs = new Set([...worker.engaged.keys(), ...worker.running].map(execution => parseExecutionId(execution).job))
  const words = new Set([...jobs].map(id => {
    const client = state.jobs.get(id)?.job.client

    return client === viewer ? `job ${shortJobId(id)}` : client == null ? 'another job' : 'somebody else\'s job'
  }))

  return [...words].sort().slice(0, 3).join(' and ') || 'something else'
}

/** Ready, and it waits for the others that start at the same time. */
export function waitsForGroup ({ group }: JobEntry, task: TaskEntry): boolean {
  return task.state === 'starting' && task.prepared && group?.started === false && group.members.has(task.name)
}
