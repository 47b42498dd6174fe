import type { CoordinatorEffect, CoordinatorState, JobEntry } from './state.ts'

/** The cancel must be on disk before it counts; should that fail, it is tried again. */
const AGAIN_MS = 5_000

/** When this job is to be cancelled is known, or is not to be any more. */
export function watchDeadline (state: CoordinatorState, entry: JobEntry): void {
  const { deadlineMs } = entry.job

  if (deadlineMs != null && entry.finishedAtMs == null && !entry.cancelled) {
    state.index.deadlines.set(entry, entry.acceptedAtMs + deadlineMs)
  } else {
    state.index.deadlines.delete(entry)
  }
}

/** Asks for the cancel of what has taken too long. Only who reigns may say that. */
export function expire (state: CoordinatorState, nowMs: number, effects: CoordinatorEffect[]): void {
  if (state.mode === 'standby') {
    return
  }

  for (const entry of state.index.deadlines.take(nowMs)) {
    state.index.visits++

    if (entry.finishedAtMs == null && !entry.cancelled && state.jobs.get(entry.job.id) === entry) {
      effects.push({ kind: 'expire', job: entry.job.id })
      state.index.deadlines.set(entry, nowMs + AGAIN_MS)
    }
  }
}

/** When time itself is the next thing to happen here, by the wall clock; Infinity = never. */
export function nextAlarmMs ({ mode, index }: CoordinatorState): number {
  return mode === 'standby' ? Infinity : Math.min(index.restarts.nextMs, index.avoiding.nextMs, index.deadlines.nextMs)
}
