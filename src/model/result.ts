import type { BuildFacts } from './build.ts'
import type { Collected } from './collect.ts'
import type { ExecutionKey } from './ids.ts'
import type { Limits } from './limits.ts'
import type { SandboxFacts } from './machine.ts'
import type { CpuMethod, MemoryMethod } from './methods.ts'
import type { NoiseGrade } from './noise.ts'
import type { Sample } from './sample.ts'

/** Why a program could not be started; one word for machines, one sentence for people. */
export interface NotRun {
  /** not-found: exit 127; not-executable: exit 126; the rest: exit 1 (125 under exec). */
  code: 'not-found' | 'not-executable' | 'wrong-architecture' | 'missing-loader' | 'missing-library' |
  'missing-interpreter' | 'empty-file' | 'sandbox' | 'internal'
  message: string
}

/** What a command printed, over all its measured runs. */
export interface OutputFacts {
  /** SHA-256 of the first run's stdout, lower-case hex. */
  stdoutDigest: string
  stdoutBytes: number
  stderrBytes: number
  /** Every run printed the same to stdout. */
  same: boolean
  /** The text kept is only its beginning. */
  truncated: boolean
}

export interface CommandResult {
  command: number
  samples: Sample[]
  warmups: number
  /** Peak of the whole tree, absent when the method is none. */
  memoryBytes?: number
  memoryMethod: MemoryMethod
  cpuMethod: CpuMethod
  output?: OutputFacts
  notRun?: NotRun
  /** The program as the worker found it. */
  program?: { path: string, digest: string }
  /** The plan's precision was not reached: the half-width of the interval that was, as a fraction. */
  reached?: number
}

/**
 * How an execution ended, as its worker recorded it. Only `done`, `failed`,
 * `limit` and `not-run` come with measurements.
 */
export type Outcome =
  | 'done'
  /** A run ended with another exit code than 0, or by a signal of its own. */
  | 'failed'
  /** A limit ended a run. */
  | 'limit'
  | 'not-run'
  | 'cancelled'
  /** The worker, its box or its machine died while it ran. */
  | 'interrupted'

/** The one record of an execution. Written by its worker, never by anyone else. */
export interface ExecutionResult {
  key: ExecutionKey
  outcome: Outcome
  /** One line for people, when the outcome is not `done`. */
  reason?: string
  commands: CommandResult[]
  sandbox?: SandboxFacts
  /** What each run was allowed; absent when it came to none. */
  limits?: Limits
  /**
   * Started together with the other workers at the coordinator's instant; the
   * deviation from it on the worker's own clock, and how far that instant may
   * be from the coordinator's (half the round trip by which the clocks were
   * compared; absent in results of an earlier version).
   */
  start?: { simultaneous: boolean, skewNs: number, errorNs?: number }
  /** The worker's clock, milliseconds since 1970. */
  startedAt: number
  finishedAt: number
  /** How long it waited for another worker of the machine that was measuring. */
  waitedMs: number
  /** How long it waited for its machine to become quiet. */
  quietWaitMs?: number
  /** Logical processors to which its programs were bound; absent = all that the worker may use. */
  cores?: number[]
  /** Why there are no hardware counters although they were asked for. */
  noCounters?: string
  /** How quiet the machine was while it measured, A (quiet) to D (disturbed), with one reason in words for each disturbance. */
  noise?: { grade: NoiseGrade, reasons: string[] }
  /** What about the machine makes measurements less steady or less comparable, in words; absent = nothing, or not measured. */
  environment?: string[]
  /** Files that it brought back; absent when none were asked for. */
  collected?: Collected
  /** Absent when nothing was to be built. */
  build?: BuildFacts
}
