import type { MapContent, MapFile, MapText } from './map-content.ts'
import type { Metric } from '../model/comparison.ts'
import type { Requirement } from '../model/requirements.ts'

/** `'250ms'`, `'5s'`, `'1.5m'`, `'2h'`, `'7d'`; a number is seconds. */
export type Duration = string | number

/** `'64K'`, `'100M'`, `'2G'`, 1024-based; a number is bytes. */
export type Size = string | number

/** `'1%'` or `'0.5%'`; a number is percent too. */
export type Percent = string | number

/**
 * A program and its arguments: one text, split as a shell would split it but
 * without a shell, or its words. The program is found as on the command line: a
 * path (`./solve`) is a file that goes along, a bare name the worker's own
 * program, `worker:/path` that file there.
 */
export type CommandLine = string | readonly string[]

/**
 * A file that goes along and lies beside the program: a path of this machine,
 * under its own name or another, or something that is no file here.
 */
export type FileSpec =
  | string
  | { path: string, name?: string }
  | { name: string, content: string | Uint8Array, executable?: boolean }

/** Files that many jobs use: a file or a folder of this machine, or what it holds. */
export type DataSpec =
  | string
  | { content: string | Uint8Array }
  | { files: ReadonlyArray<{ name: string, content: string | Uint8Array, executable?: boolean }> }

/** What may be said of every job, whatever it does. */
export interface AnyJobOptions {
  files?: readonly FileSpec[]
  /** Data sets: `data/NAME` beside the program, sent once and kept by the workers. */
  data?: Readonly<Record<string, DataSpec>>
  /** Patterns of files that are brought back, such as `'out/*'` or `'**\/*.log'`: of the last run. See `job.collect()`. */
  collect?: readonly string[]
  /** At most so much of one task. @default '256M' */
  collectMax?: Size
  /** To find the job by. */
  name?: string
  /** ULID of the job; the same id again is the same job. @default a new one */
  id?: string
  /** Accept it only when so many masters have it on disk. @default those that are live */
  replicas?: number
  /** Which of one's own jobs goes first: -100 to 100, higher ones before lower ones. @default 0 */
  priority?: number
  /** What has not ended so long after the job was accepted is cancelled. @default never */
  deadline?: Duration
}

/** Where, with what and how far: what may be said of every job with a command. Names and meanings are those of the command line. */
export interface JobOptions extends AnyJobOptions {
  /** `'all'`, `'any'`, so many workers, or names: `'lab-[1-4],pi-kitchen'`. @default 'all' for run and compare, 'any' otherwise */
  on?: string | number | readonly string[]
  /** Only workers like this: `'arch=arm64,cores=8..'`, or `{ arch: 'arm64', 'label.zone': 'lab' }`. */
  where?: string | readonly string[] | Readonly<Record<string, string | number>>
  /** Protections of the sandbox without which it must not run. */
  require?: readonly Requirement[]
  /** What every run reads as its standard input: a path of this machine, or content. @default nothing */
  stdin?: string | { content: string | Uint8Array }
  /** Environment of the program. */
  env?: Readonly<Record<string, string>>
  /** Hand the command line to `sh -c`. */
  shell?: boolean
  /** `CONDITION:FILE`: the program's file on workers like this, the first that fits: `arch=arm64:./app-arm64`. */
  variant?: readonly string[]
  /** A line for sh that every worker does first, once, in a sandbox: `cc -O2 -o app app.c`. Files that it leaves are there in every run. */
  build?: string
  /** @default 10m */
  buildTimeout?: Duration
  buildMemory?: Size
  /** With `on: 'any'`: run it elsewhere when its worker has been lost for so long; it may then run twice. */
  retryLost?: Duration
  /** Wall time of one run. @default '1h' */
  timeout?: Duration
  /** CPU time of one run, all its processes together. */
  cpuTime?: Duration
  /** Memory of all its processes together. @default '4G' */
  memory?: Size
  /** Processes and threads at once. @default 512 */
  processes?: number
  /** What it may print. @default '16M' */
  outputLimit?: Size
  /** The largest file it may write. @default '1G' */
  fileLimit?: Size
  /** What it may keep in its folder and /tmp. @default '1G' */
  tmpLimit?: Size
  /** Files it may keep there. @default 100000 */
  tmpFiles?: number
  /** Files open at once, for each process. @default 1024 */
  openFiles?: number
}

/** How a program is measured. */
export interface MeasureOptions extends JobOptions {
  /** Exactly so many measured runs (pairs, where commands are compared). @default as many as the precision takes */
  runs?: number
  /** Runs before the first measured one. @default 0 */
  warmup?: number
  minRuns?: number
  maxRuns?: number
  /** Stop when the median is known this well. @default '1%' */
  precision?: Percent
  /** Stop after this long for each command and worker. @default '5s' */
  budget?: Duration
  /** What results call the commands, in their order. */
  commandNames?: readonly string[]
  /** `{NAME}` in commands, their names and hooks is each of the values; every combination is measured. */
  parameters?: Readonly<Record<string, ReadonlyArray<string | number>>>
  /** Line for `sh -c`, once before all runs of a command; each run finds the files that it leaves. */
  setup?: string
  /** Line for `sh -c`, before each run; one for all commands, or one for each. */
  prepare?: string | readonly string[]
  /** Line for `sh -c`, after each run; one for all commands, or one for each. */
  conclude?: string | readonly string[]
  /** Line for `sh -c`, once after all runs of a command. */
  cleanup?: string
  /** Exit codes beside 0 that are no failure; true = all of them. */
  ignoreFailure?: boolean | readonly number[]
  /** Empty the machine's file cache before each run; only where the worker allows it. */
  coldCache?: boolean
  /** Instructions, cycles, branch and cache misses too, where the machine has counters. */
  counters?: boolean
  /** Wait at most so long for a quiet machine before measuring. @default '2s' */
  quietWait?: Duration
}

/** How commands are compared with the first one. */
export interface CompareOptions extends MeasureOptions {
  /** Time by the clock, CPU time, or peak memory. @default 'wall' */
  metric?: Metric
  /** Differences within it do not matter. @default '1%' */
  margin?: Percent
  /** Slower by more than this for certain is a regression. */
  failIfSlower?: Percent
  /** No verdict on some machine is a regression too. */
  failIfUndecided?: boolean
}

export interface RunSpec extends MeasureOptions {
  kind: 'run'
  /** Measured side by side when there are several. */
  commands: readonly CommandLine[]
}

export interface CompareSpec extends CompareOptions {
  kind: 'compare'
  /** The others are compared with the first. */
  commands: readonly CommandLine[]
}

/** How a program is handed out. */
export interface ExecOptions extends JobOptions {
  /** After a failure so many times more, each after twice the pause of the one before: `3`, or `'3:10s'`. @default never */
  retry?: string | number
}

export interface ExecSpec extends ExecOptions {
  kind: 'exec'
  command: CommandLine
}

export interface EachSpec extends ExecOptions {
  kind: 'each'
  /** `{}` in its arguments is the item; without one the item is its last argument. */
  command: CommandLine
  /** A task each. */
  items: readonly string[]
}

export type MapOptions = AnyJobOptions

export interface MapSpec extends MapOptions {
  kind: 'map'
  /** Which worker does which commands: what a map file says, or such a file. */
  map: MapContent | MapFile | MapText
}

/** What `submit` takes, and what the HTTP interface takes as JSON. */
export type JobSpec = RunSpec | CompareSpec | ExecSpec | EachSpec | MapSpec
