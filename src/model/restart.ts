/** When a task is run once more after it has ended, as another attempt of the same task. */
export interface RestartRule {
  /** `on-failure`: it failed, met a limit or was interrupted. `always`: whatever it ended with, but a cancel. */
  when: 'on-failure' | 'always'
  /** At most so many times; absent = without end. */
  max?: number
  /** Waited before the first time; twice as long each further time, up to `maxBackoffMs`. */
  backoffMs: number
  maxBackoffMs: number
}

export const RESTARTS = ['on-failure', 'always'] as const

export const DEFAULT_BACKOFF_MS = 1_000
export const DEFAULT_MAX_BACKOFF_MS = 60_000

/** Milliseconds to wait before a restart. @param restarts - how many there have been already */
export function backoffMs (rule: RestartRule, restarts: number): number {
  // 2 ** 1024 is Infinity, and Infinity times 0 is none
  return Math.min(rule.backoffMs * 2 ** Math.min(restarts, 64), rule.maxBackoffMs)
}
