import type { Collect } from '../model/collect.ts'
import type { Comparison } from '../model/comparison.ts'
import type { Command, JobKind } from '../model/job.ts'
import type { Limits } from '../model/limits.ts'
import type { Plan } from '../model/plan.ts'
import type { CommandResult } from '../model/result.ts'
import type { Sample } from '../model/sample.ts'
import type { Affinity } from './affinity.ts'
import type { BoxFilesOrProblem } from './box-files.ts'
import type { Ground } from './ground.ts'

/** A file or folder of the host, and where a box sees it. */
export interface BoxView {
  from: string
  at: string
}

export interface BoxOptions {
  files: BoxFilesOrProblem
  /** Private 0700 folder of the worker, for whatever must lie on the host. */
  dir: string
  /** From `settle`; without it, boxes have what everybody may have. */
  ground?: Ground
  /** What it is shown of the host, read-only, beside the system; each must be for every user to read. */
  views?: readonly BoxView[]
  /** Where runner and programs run; absent = where this process may. */
  affinity?: Affinity
  log?: (line: string) => void
}

/** A program to start that builds a box, and what it reads from its descriptors. */
export interface BuildCommand {
  path: string
  args: string[]
  give: { fd: number, content: Buffer }[]
}

export interface BoxFile {
  path: string
  /** Bytes; `read` must give exactly as many. */
  size: number
  executable: boolean
  read: () => AsyncIterable<Uint8Array>
}

/** Which files come back. `maxFiles`: of all commands together. @default MAX_COLLECT_FILES */
export type BoxCollect = Collect & { maxFiles?: number }

export interface BoxTask {
  kind: JobKind
  /** At least one. */
  commands: Command[]
  /** The payload. */
  files: BoxFile[]
  /** A file that is open for reading, in which the contents of all files stand one after the other: the kernel copies them, and `read` is not needed. It must stay as it is until `run` has resolved. */
  descriptor?: number
  /** Path in the payload that every run reads as its standard input. */
  stdin?: string
  env: Record<string, string>
  limits: Limits
  plan: Plan
  comparison?: Comparison
  ignoreFailure?: { codes: number[] }
  /** Refused where nobody can empty the cache. */
  coldCache?: boolean
  counters?: boolean
  /** The box has data sets: `data` leads to them in every working copy. */
  data?: boolean
  /** What the last run of each command left in the working copy comes as events. Not of a comparison. */
  collect?: BoxCollect
  /** The box may be given other commands of the same job afterwards (`again`); only for exec. */
  repeat?: boolean
  /** When the first run starts: milliseconds of performance.timeOrigin + performance.now() of this process. */
  startAt?: number
}

export type BoxEvent =
  /** The first run has started. `skewNs`: how much later than `startAt`, if that was given. */
  | { kind: 'started', at: number, skewNs?: number }
  /** Ten times a second at most; measured runs done, and how many there will be if the plan says so. */
  | { kind: 'progress', command: number, runs: number, of?: number }
  | { kind: 'sample', sample: Sample }
  /** exec: as it comes. run: the first 64 KiB of a command's first run, and of the run that failed. */
  | { kind: 'output', stream: 'stdout' | 'stderr', data: Uint8Array }
  /** A file that fits the patterns of `collect`: exactly so many bytes follow as `content`, before anything else. The name is checked, and no two files have the same. */
  | { kind: 'file', command: number, path: string, size: number, executable: boolean }
  | { kind: 'content', data: Uint8Array }

export interface BoxReport {
  outcome: 'done' | 'failed' | 'limit' | 'not-run'
  /** One line for people, when it is not `done`. */
  reason?: string
  commands: CommandResult[]
  /** Why there are no hardware counters, when they were asked for. */
  noCounters?: string
  /** Why files that fit the patterns of `collect` were left out. */
  skipped?: string[]
  /** Only with `startAt`: when the first run started, on the clock of `startAt`, and the deviation from it. */
  start?: { at: number, skewNs: number }
}

export interface RunOptions {
  signal?: AbortSignal
  /** While a promise that it returned is pending, nothing more is taken from the box. */
  onEvent: (event: BoxEvent) => void | Promise<void>
}
