import type { Build } from './build.ts'
import type { Collect } from './collect.ts'
import type { Comparison } from './comparison.ts'
import type { DataSet } from './data.ts'
import type { SomeLimits } from './limits.ts'
import type { JobMap } from './map.ts'
import type { PayloadManifest } from './payload.ts'
import type { Placement } from './placement.ts'
import type { Plan } from './plan.ts'
import type { Requirement } from './requirements.ts'
import type { RestartRule } from './restart.ts'
import type { Variants } from './variants.ts'

/** Where the program of a command is found, as in a shell. */
export type Program =
  /** A file of the payload, by its path inside it; run by its `#!` or by the interpreter its extension names. */
  | { kind: 'payload', path: string }
  /** A bare name: the worker's own program, found in the box's PATH. */
  | { kind: 'name', name: string }
  /** `worker:/path`: that file on the worker. */
  | { kind: 'worker', path: string }

/** Commands of one job; a map may have one for each of its entries (MAX_ENTRIES). */
export const MAX_COMMANDS = 256

/** Of `Job.priority`, both ways. */
export const MAX_PRIORITY = 100

/** Masters that one job can ask for: more than any mesh needs. */
export const MAX_MASTERS = 64

export interface Command {
  /** As the program sees it; `argv[0]` is what the user typed. */
  argv: string[]
  program: Program
  /** Shown instead of the command line. */
  name?: string
  hooks?: Hooks
  /** Name -> value of the parameters that made this command of a pattern. */
  parameters?: Record<string, string>
  /** Beside the job's and over it. */
  env?: Record<string, string>
  /** Over the job's. Only in a map. */
  limits?: SomeLimits
  /** As the job's, and instead of it. Only in a map. */
  stdin?: string
}

/**
 * Lines for `sh -c` in the box, with hyperfine's order and meaning; none is
 * timed, and one that fails ends its command.
 */
export interface Hooks {
  /** Once, before everything else of this command; the files that it leaves are there at the beginning of every run. */
  setup?: string
  /** Before each run, warm-up runs included. */
  prepare?: string
  /** After each run. */
  conclude?: string
  /** Once, when all runs of the command are over. */
  cleanup?: string
}

/** `run` measures, `exec` hands out. */
export type JobKind = 'run' | 'exec'

/**
 * What a client submits. Immutable: the id is made and the whole sealed by the
 * client, so the same id with another content is a conflict.
 */
export interface Job {
  /** ULID. */
  id: string
  /** Peer id of the client that sealed it. */
  client: string
  /** `--name`; another way to find it. */
  name?: string
  kind: JobKind
  /** At least one; `exec` without a map has exactly one. */
  commands: Command[]
  /** Absent when every program is the worker's own and no file goes along. */
  payload?: PayloadManifest
  /** Path in the payload that every run reads as its standard input; absent = /dev/null. */
  stdin?: string
  env: Record<string, string>
  /** What its client asked for; the rest is the default, or less where a worker allows less. */
  limits: SomeLimits
  placement: Placement
  /** Protections without which it must not run; absent = those that every box has will do. */
  require?: Requirement[]
  plan: Plan
  /** The commands are alternatives to the first one, and run in pairs. */
  comparison?: Comparison
  /** Exit codes beside 0 that are no failure; none = whatever the program ends with by itself. */
  ignoreFailure?: { codes: number[] }
  /** The machine's file cache is emptied before each run; only where the worker allows it. */
  coldCache?: boolean
  /** Hardware counters, where there are any. */
  counters?: boolean
  /** How long to wait for a quiet machine before measuring; absent = DEFAULT_QUIET_MS. */
  quietMs?: number
  /** Accepted only when so many masters, the coordinator included, have it on disk; absent = those that are live. */
  replicas?: number
  /** Its worker lost for so long, a task for any worker is run again elsewhere; it may then have run twice. Absent = never. */
  retryLostMs?: number
  /** One task for each item, `1` to `N` in this order, its command made by `argvFor` (each.ts); only of `exec`, placed on any worker. */
  each?: { items: string[] }
  /** Each worker its own list; only of `exec`, placed on all. */
  map?: JobMap
  /** Run again after a failure; only of `exec` without a map. A task for any worker may then run on another one. */
  retry?: RestartRule
  /** Which of a client's own jobs comes first, higher ones before lower ones; absent = 0. Between clients nothing is decided by it. */
  priority?: number
  /** What has not ended so long after the job was accepted is cancelled. */
  deadlineMs?: number
  data?: DataSet[]
  collect?: Collect
  build?: Build
  /** Its program is another file on other workers; not with a build. */
  variants?: Variants
  /** The client's clock, milliseconds since 1970. For people; nothing is decided by it. */
  submittedAt: number
}

/** What the user typed, for headings and lists. */
export function commandTitle (command: Pick<Command, 'argv' | 'name'>): string {
  return command.name ?? command.argv.map(quoteWord).join(' ')
}

function quoteWord (word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
