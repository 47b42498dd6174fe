import { isTaskEnd, WORKER_LOST_MS } from '../../../model/states.ts'
import { holdersOf } from './holders.ts'
import { mayDo } from './lanes.ts'
import { conclude } from './tasks.ts'
import { tasksOf } from './track.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from './state.ts'

/** So long others come first for what a worker takes for cancelled; then it is asked again, since by then it may be known who cancelled it. */
export const DENIED_MS = WORKER_LOST_MS

/**
 * A worker takes nothing of a job because a master has cancelled it there, and
 * neither is that known here nor can it be proven (what is proven is a cancel).
 * Its own word is about itself alone: others do what any of them may do.
 */
export function noteDenial (state: CoordinatorState, entry: JobEntry, worker: string, nowMs: number): void {
  const untilMs = nowMs + DENIED_MS

  entry.deniers ??= new Map()
  entry.deniers.set(worker, state.workers.get(worker)?.info.name ?? worker.slice(-8))

  for (const task of tasksOf(state, entry)) {
    if (task.target == null && !isTaskEnd(task.state)) {
      task.avoids ??= new Map()
      task.avoids.set(worker, Math.max(untilMs, task.avoids.get(worker) ?? 0))
    }
  }
}

/** What it says, for people. */
export function denialOf ({ deniers }: JobEntry, worker: string): string | undefined {
  const name = deniers?.get(worker)

  return name == null ? undefined : `${name} ${DENIAL}`
}

export const DENIAL = 'says that the job was cancelled, and no master knows of that'

/** What waits for this worker alone, or for nobody else who is there, ends: it would wait for ever. */
export function endDenied (state: CoordinatorState, entry: JobEntry, denied: TaskEntry, worker: string, nowMs: number, effects: CoordinatorEffect[]): void {
  if (denied.target === worker) {
    end(state, entry, denied, denialOf(entry, worker), nowMs, effects)
    return
  }

  for (const task of tasksOf(state, entry)) {
    if (task.target == null && hasNobodyElse(state, entry, task, nowMs)) {
      end(state, entry, task, `everybody who could do it ${DENIAL}`, nowMs, effects)
    }
  }
}

function end (state: CoordinatorState, entry: JobEntry, task: TaskEntry, reason: string | undefined, nowMs: number, effects: CoordinatorEffect[]): void {
  if (task.state === 'queued') {
    conclude(state, entry, task, 'lost', reason, nowMs, effects)
  }
}

/** Of those that are there, once all have had time to find this coordinator. */
function hasNobodyElse ({ reignedMs, workers }: CoordinatorState, entry: JobEntry, task: TaskEntry, nowMs: number): boolean {
  const isFor = (id: string): boolean => {
    const worker = workers.get(id)!

    return worker.state !== 'lost' && entry.deniers?.has(id) !== true && mayDo(worker.info, entry.job) &&
      ![...holdersOf(entry, worker)].some(holder => holder !== task && isTaskEnd(holder.state))
  }

  return nowMs - (reignedMs ?? nowMs) >= WORKER_LOST_MS && ![...workers.keys()].some(isFor)
}
