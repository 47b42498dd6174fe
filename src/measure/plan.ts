import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { MIN_FOR_INTERVAL, relativeHalfWidth } from '../stats/median-interval.ts'
import type { Plan } from '../model/plan.ts'

/** What has been measured of one command so far, warm-up runs left out. */
export interface Done {
  /** Wall time of each run, in order. */
  wallNs: readonly number[]
  /** Time spent on this command, preparation between runs included: what the budget counts. */
  spentMs: number
}

export interface Next {
  run: boolean
  /**
   * Set when it stops short of the precision asked for: the half-width of the
   * median's 95 % interval as a fraction of it. Never set below 6 runs, which
   * have no interval.
   */
  reached?: number
}

/** Is another measured run due? Pure; asked before every run. */
export function nextRun (plan: Plan, done: Done): Next {
  const runs = done.wallNs.length

  if (plan.kind === 'once') {
    return { run: runs < 1 }
  }

  if (plan.kind === 'fixed') {
    return { run: runs < plan.runs }
  }

  if (runs < Math.max(1, plan.minRuns)) {
    return { run: true }
  }

  if (done.spentMs >= plan.budgetMs || runs >= plan.maxRuns) {
    const reached = precisionOf(done.wallNs)

    return reached != null && reached > plan.precision ? { run: false, reached } : { run: false }
  }

  if (!isCheckpoint(runs, plan.minRuns)) {
    return { run: true }
  }

  const reached = precisionOf(done.wallNs)

  return { run: reached == null || reached > plan.precision }
}

/**
 * The interval is looked at only after 6, 8, 11, 15, 20, … runs (each 4/3 of
 * the one before, from the minimum if that is higher). Looking after every run
 * stops at the luckiest moment, and the interval then covers less than it says.
 */
export function isCheckpoint (runs: number, minRuns: number): boolean {
  let size = Math.max(MIN_FOR_INTERVAL, minRuns)

  while (size < runs) {
    size = Math.ceil(size * 4 / 3)
  }

  return size === runs
}

function precisionOf (wallNs: readonly number[]): number | undefined {
  const interval = medianIntervalOfSeries(wallNs)

  return interval == null ? undefined : relativeHalfWidth(interval)
}
