import type { ExecutionResult } from '../../../model/result.ts'

/** An execution that is over, with all that it has printed. */
export interface Finished {
  result: ExecutionResult
  stdout: Uint8Array
  stderr: Uint8Array
}

/** What a worker delivers of executions that were short and printed little; the others go by `task`. */
export interface Results {
  kind: 'results'
  finished: Finished[]
}

/**
 * `stored`: record and output are fsynced here; the worker may forget them.
 * `unwanted`: the job was removed from the mesh, nobody waits for it. `refused`:
 * unknown job, or not this worker's; the worker keeps it until its time is up.
 */
export type Receipt =
  | { kind: 'stored', execution: string }
  | { kind: 'unwanted', execution: string }
  | { kind: 'refused', execution: string, reason: string }

/** What a master answers: one receipt for each, in the same order. */
export interface Receipts {
  kind: 'receipts'
  receipts: Receipt[]
}
