/** A finished job, as the choice of what goes needs it. */
export interface FinishedJob {
  id: string
  finishedAtMs: number
  /** Of its outputs and results, as they are kept here. */
  bytes: number
}

export interface Retention {
  /** Finished jobs are kept for so long; absent = for ever. */
  ageMs?: number
  /** Their outputs and results take at most so much; absent = any amount. */
  bytes?: number
}

/** A master that was away for longer takes everything anew: nobody remembers any more what was removed before. */
export const TOMBSTONE_MS = 90 * 24 * 60 * 60 * 1000

/**
 * Which finished jobs go, the one that ended first first: those that ended more
 * than `ageMs` ago, and as many more as it takes for the rest to fit. The caller
 * gives no unfinished ones; what they need is not counted.
 */
export function chooseExpired (jobs: readonly FinishedJob[], { ageMs = Infinity, bytes = Infinity }: Retention, nowMs: number): string[] {
  const oldestFirst = [...jobs].sort((a, b) => a.finishedAtMs - b.finishedAtMs || (a.id < b.id ? -1 : 1))
  let kept = oldestFirst.reduce((sum, job) => sum + job.bytes, 0)
  const expired: string[] = []

  for (const job of oldestFirst) {
    if (nowMs - job.finishedAtMs <= ageMs && kept <= bytes) {
      break
    }

    kept -= job.bytes
    expired.push(job.id)
  }

  return expired
}
