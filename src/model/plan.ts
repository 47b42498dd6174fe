/** How many runs a measured command gets on one worker. */
export type Plan =
  /** Exactly this many runs. */
  | { kind: 'fixed', runs: number, warmup: number }
  /** Until the 95 % interval of the median is within `precision` of it, or `budgetMs` is spent; at least one run. */
  | { kind: 'precision', precision: number, budgetMs: number, minRuns: number, maxRuns: number, warmup: number }
  /** One run, not measured: what `exec` does. */
  | { kind: 'once' }

/** How long a worker waits at most for its machine to become quiet, when the job does not say. */
export const DEFAULT_QUIET_MS = 2_000

/** Design: within 1 % or 5 s per command and worker, the budget wins. */
export const DEFAULT_PLAN: Plan = { kind: 'precision', precision: 0.01, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 }
