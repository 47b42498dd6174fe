import type { ExecutionResult } from '../../../model/result.ts'
import type { SampleFigures } from '../../../model/sample.ts'

export type OutputStream = 'stdout' | 'stderr'

/** What a worker delivers of one execution. */
export type TaskReport =
  | { kind: 'begin', execution: string }
  /** Where it stands: waiting for the machine, running; `startedAtMs` on the worker's clock. */
  | { kind: 'phase', phase: 'waiting-for-machine' | 'running', detail?: string }
  /** Numbered by the offset of its first byte in that stream of that execution. */
  | { kind: 'output', stream: OutputStream, offset: number, data: Uint8Array }
  /** Measured so far; `of` where the plan has a fixed number; `latest`: of the last of these runs, in their order, MAX_LATEST_RUNS at most. */
  | { kind: 'progress', command: number, runs: number, of?: number, medianNs?: number, latest?: SampleFigures[] }
  /** `stdoutBytes` and `stderrBytes` say how much output belongs to it. */
  | { kind: 'result', result: ExecutionResult, stdoutBytes: number, stderrBytes: number }

/** What a master confirms. */
export type TaskConfirm =
  /** Answer to begin: what it has already. */
  | { kind: 'resume', stdout: number, stderr: number }
  /** Output up to here is taken; lets the worker send more. */
  | { kind: 'taken', stdout: number, stderr: number }
  /** Answer to a result: give the files that it brought back, by the payload protocol and without a ticket, then say it again. */
  | { kind: 'want-files' }
  /** Result and output are fsynced here, and the files as far as this master has room; the worker may forget them. */
  | { kind: 'stored' }
  /** Unknown job, or not this worker's; the worker keeps it until its time is up. */
  | { kind: 'refused', reason: string }
  /** The job was removed from the mesh, with its results: nobody waits for this one. */
  | { kind: 'unwanted' }
