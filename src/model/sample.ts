import type { Counts } from './counters.ts'
import type { LimitName } from './limits.ts'

/** How a process ended. */
export type Exit =
  | { kind: 'code', code: number }
  /** e.g. SIGSEGV */
  | { kind: 'signal', signal: string }

/** What was measured in one run. Times are whole nanoseconds. */
export interface Sample {
  /** Index into the job's commands. */
  command: number
  /** Counts the measured runs of this command on this worker, from 0. */
  run: number
  /** When the program was started, on the worker's monotonic clock, relative to the task's first run. */
  startNs: number
  wallNs: number
  /** CPU time of every process of the run, orphans included. */
  cpuNs: number
  /** The split is sampled by clock ticks: meaningful only above some 50 of them. */
  userNs: number
  systemNs: number
  minorFaults: number
  majorFaults: number
  voluntarySwitches: number
  involuntarySwitches: number
  exit: Exit
  /** The limit that ended it, if one did. */
  limit?: LimitName
  /** Processes that were still alive when the program ended and were killed. */
  leftovers: number
  /** Peak memory of all processes of this run together; absent where no cgroup bills it run by run. */
  memoryBytes?: number
  /** Absent when they were not asked for, or where there are none. */
  counters?: Counts
}

/** What is told of a run while the others go on. */
export type SampleFigures = Pick<Sample, 'wallNs' | 'cpuNs' | 'memoryBytes'>

/** So many of the latest runs stand in one report at most; whoever is told too seldom misses those before, and has them with the result. */
export const MAX_LATEST_RUNS = 50

/**
 * Did the run do what its author meant, as far as we can know? A limit is
 * never ignored.
 *
 * @param ignore - as in the job: exit codes that are no failure, none = any end of its own
 */
export function succeeded (sample: Pick<Sample, 'exit' | 'limit'>, ignore?: { codes: readonly number[] }): boolean {
  const { exit, limit } = sample

  if (limit != null) {
    return false
  }

  return (exit.kind === 'code' && (exit.code === 0 || ignore?.codes.includes(exit.code) === true)) || ignore?.codes.length === 0
}
