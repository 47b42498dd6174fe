import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { pairedRatio } from '../stats/paired-ratio.ts'
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
export function nextRun (plan: Plan, { wallNs, spentMs }: Done): Next {
  const { length } = wallNs

  return next(plan, length, spentMs, least => isCheckpoint(length, least), () => precisionOf(wallNs))
}

/** What has been measured of commands that are compared, all of them equally often. */
export interface DonePairs {
  /** What is compared, of each run: the command that the others are compared with comes first. */
  values: ReadonlyArray<readonly number[]>
  /** Time spent on all of them. */
  spentMs: number
}

/**
 * Is another round due, in which every command runs once? The precision is
 * that of the ratio that is known worst, the budget that of all commands
 * together. Nothing here looks at which of them is faster: who stops when the
 * answer pleases gets pleasing answers.
 */
export function nextRound (plan: Plan, { values, spentMs }: DonePairs): Next {
  const [reference = [], ...others] = values
  const { length } = reference
  // A round and the next one, in the opposite order, belong together.
  const isTime = (least: number): boolean => length % 2 === 0 && (isCheckpoint(length, least) || isCheckpoint(length - 1, least))

  return next(plan, length, spentMs / values.length, isTime, () => worst(others.map(other => ratioPrecision(reference, other))))
}

/** @param isTime - to look at the precision, with the least number of runs given */
function next (plan: Plan, runs: number, spentMs: number, isTime: (least: number) => boolean, precision: () => number | undefined): Next {
  if (plan.kind === 'once') {
    return { run: runs < 1 }
  }

  if (plan.kind === 'fixed') {
    return { run: runs < plan.runs }
  }

  if (runs < Math.max(1, plan.minRuns)) {
    return { run: true }
  }

  if (spentMs >= plan.budgetMs || runs >= plan.maxRuns) {
    const reached = precision()

    return reached != null && reached > plan.precision ? { run: false, reached } : { run: false }
  }

  if (!isTime(plan.minRuns)) {
    return { run: true }
  }

  const reached = precision()

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

/** Of the 95 % interval of the median: its half-width as a fraction. */
function precisionOf (wallNs: readonly number[]): number | undefined {
  const interval = medianIntervalOfSeries(wallNs)

  return interval == null ? undefined : relativeHalfWidth(interval)
}

/** The half-width of the ratio's 95 % interval. */
function ratioPrecision (reference: readonly number[], other: readonly number[]): number | undefined {
  const found = pairedRatio(reference, other)

  return found == null ? undefined : relativeHalfWidth({ median: found.ratio, low: found.low, high: found.high })
}

function worst (precisions: ReadonlyArray<number | undefined>): number | undefined {
  return precisions.reduce<number | undefined>((most, precision) => most == null || precision == null ? undefined : Math.max(most, precision), 0)
}
