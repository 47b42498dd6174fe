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
}

/** Did the run do what its author meant, as far as we can know? */
export function succeeded (sample: Sample): boolean {
  return sample.exit.kind === 'code' && sample.exit.code === 0 && sample.limit == null
}
