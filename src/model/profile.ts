import type { Outcome } from './result.ts'
import type { WorkerState } from './states.ts'

/**
 * What a master has seen of its workers, a change at a time, by its own clock
 * (milliseconds since 1970). Of a job of another client there is neither id nor
 * task: somebody's.
 */
export type ProfileChange =
  /** From here on, until the next one of this worker. */
  | { kind: 'state', atMs: number, worker: string, workerName: string, state: WorkerState, slots: number }
  /** One execution from its start to its end; `atMs` is when its record came, which may be later. */
  | { kind: 'task', atMs: number, worker: string, workerName: string, outcome: Outcome, startedAtMs: number, endedAtMs: number, job?: string, task?: string }
