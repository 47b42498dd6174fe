import { isCollectedPath, MAX_COLLECT_BYTES, MAX_SKIPPED } from '../model/collect.ts'
import { COUNTERS } from '../model/counters.ts'
import { LIMIT_NAMES } from '../model/limits.ts'
import { CPU_METHODS, MEMORY_METHODS } from '../model/methods.ts'
import { printable } from '../model/text.ts'
import type { Comparison } from '../model/comparison.ts'
import type { Command, JobKind } from '../model/job.ts'
import type { Counts } from '../model/counters.ts'
import type { Limits } from '../model/limits.ts'
import type { Plan } from '../model/plan.ts'
import type { CommandResult, NotRun } from '../model/result.ts'
import type { Exit, Sample } from '../model/sample.ts'
import type { BoxCollect } from './box-types.ts'
import type { GroupHandles } from './cgroup/handles.ts'

/** To the runner. The files' contents follow a task as data frames, one after the other, or as one descriptor of a file in which they stand so. */
export type ToRunner =
  | { type: 'filters', programs: string[] /* base64 */, group?: GroupHandles }
  /** The answer to `look`. */
  | { type: 'seen' }
  /** The answer to `cool`. */
  | { type: 'cooled' }
  | { type: 'task', task: RunnerTask }
  /** After `clean`: the same task once more, with these commands. */
  | { type: 'again', commands: Command[] }

export interface RunnerTask {
  kind: JobKind
  commands: Command[]
  files: { path: string, size: number, executable: boolean }[]
  /** Their contents come as a descriptor. */
  descriptor?: boolean
  stdin?: string
  env: Record<string, string>
  limits: Limits
  plan: Plan
  comparison?: Comparison
  ignoreFailure?: { codes: number[] }
  coldCache?: boolean
  counters?: boolean
  collect?: BoxCollect
  /** `data` in the working copy leads to the data sets. */
  data?: boolean
  /** `again` may follow. */
  repeat?: boolean
  /** CLOCK_MONOTONIC, nanoseconds; decimal. */
  startNs?: string
  /** Where there is no /proc in which the runner could read it. */
  runner?: RunnerUse
}

/** What the runner itself takes of its box's limits. */
export interface RunnerUse {
  threads: number
  /** As RLIMIT_DATA counts. */
  dataBytes: number
}

/** What holds for a program in a box. */
export interface RunnerFacts {
  uid: number
  /** Name -> link text, e.g. net -> net:[4026532000]. */
  namespaces: Record<string, string>
  /** Fields of /proc/thread-self/status of the thread that starts programs. */
  seccomp: number
  noNewPrivileges: number
  /** Effective, permitted, inheritable, bounding, ambient: all of them as one number in hex, 0 when there is none. */
  capabilities: string
  /** Mount points that can be written to. */
  writable: string[]
}

/** A command's result without its samples, which were sent before. */
export type CommandSummary = Omit<CommandResult, 'samples'>

/** From the runner; beside these, output frames. */
export type FromRunner =
  /** Empty where there is no /proc. */
  | { type: 'boot', tids: number[] }
  /** Where there is no /proc: a program waits to be looked at from outside. */
  | { type: 'look' }
  /** Without facts after `look`. */
  | { type: 'ready', facts?: RunnerFacts }
  | { type: 'received' }
  /** Between two runs, when nothing else was said for a while. */
  | { type: 'alive' }
  /** Before a run: the machine's file cache shall be empty. */
  | { type: 'cool' }
  | { type: 'started', atNs: string, skewNs?: number }
  | { type: 'progress', command: number, runs: number, of?: number }
  | { type: 'samples', samples: Sample[] }
  /** After the result of a task that may be repeated: nobody is left of it, and everything that a program could write to is new. */
  | { type: 'clean' }
  /** A file that the last run of a command left; so many bytes of data follow at once. */
  | { type: 'file', command: number, path: string, size: number, executable: boolean }
  /** `skipped`: why files that should be brought back are not. */
  | { type: 'result', outcome: 'done' | 'failed' | 'limit' | 'not-run', reason?: string, commands: CommandSummary[], noCounters?: string, skipped?: string[] }
  /** The box cannot go on. */
  | { type: 'broken', reason: string }

/**
 * Checks a message from the box. The program cannot reach the runner, but what
 * comes out of a box is believed only as far as its form goes. Throws.
 */
export function parseFromRunner (body: Buffer, commands: number): FromRunner {
  const message = record(JSON.parse(body.toString('utf8')), 'message')

  switch (message['type']) {
    case 'boot':
      return { type: 'boot', tids: list(message['tids'], 256, tid => whole(tid, 1, 4_194_304)) }
    case 'ready':
      return { type: 'ready', ...optional('facts', message['facts'], facts) }
    case 'look':
      return { type: 'look' }
    case 'received':
      return { type: 'received' }
    case 'alive':
      return { type: 'alive' }
    case 'cool':
      return { type: 'cool' }
    case 'clean':
      return { type: 'clean' }
    case 'started':
      return { type: 'started', atNs: decimal(message['atNs']), ...optional('skewNs', message['skewNs'], value => whole(value, -9e15)) }
    case 'progress':
      return {
        type: 'progress',
        command: whole(message['command'], 0, commands - 1),
        runs: whole(message['runs']),
        ...optional('of', message['of'], value => whole(value))
      }
    case 'samples':
      return { type: 'samples', samples: list(message['samples'], 10_000, value => sample(value, commands)) }
    case 'file':
      return {
        type: 'file',
        command: whole(message['command'], 0, commands - 1),
        path: collectedPath(message['path']),
        size: whole(message['size'], 0, MAX_COLLECT_BYTES),
        executable: message['executable'] === true
      }
    case 'result':
      return {
        type: 'result',
        outcome: oneOf(message['outcome'], ['done', 'failed', 'limit', 'not-run'] as const),
        ...optional('reason', message['reason'], line),
        commands: list(message['commands'], commands, value => summary(value, commands)),
        ...optional('noCounters', message['noCounters'], line),
        ...optional('skipped', message['skipped'], value => list(value, MAX_SKIPPED, line))
      }
    case 'broken':
      return { type: 'broken', reason: line(message['reason']) }
    default:
      throw new Error('unknown message from the box')
  }
}

function facts (value: unknown): RunnerFacts {
  const fields = record(value, 'facts')

  return {
    uid: whole(fields['uid']),
    namespaces: Object.fromEntries(Object.entries(record(fields['namespaces'], 'namespaces')).map(([name, link]) => [line(name), line(link)])),
    seccomp: whole(fields['seccomp']),
    noNewPrivileges: whole(fields['noNewPrivileges']),
    capabilities: line(fields['capabilities']),
    writable: list(fields['writable'], 100, line)
  }
}

function sample (value: unknown, commands: number): Sample {
  const fields = record(value, 'sample')

  return {
    command: whole(fields['command'], 0, commands - 1),
    run: whole(fields['run']),
    startNs: whole(fields['startNs']),
    wallNs: whole(fields['wallNs']),
    cpuNs: whole(fields['cpuNs']),
    userNs: whole(fields['userNs']),
    systemNs: whole(fields['systemNs']),
    minorFaults: whole(fields['minorFaults']),
    majorFaults: whole(fields['majorFaults']),
    voluntarySwitches: whole(fields['voluntarySwitches']),
    involuntarySwitches: whole(fields['involuntarySwitches']),
    exit: exit(fields['exit']),
    ...optional('limit', fields['limit'], limit => oneOf(limit, LIMIT_NAMES)),
    leftovers: whole(fields['leftovers']),
    ...optional('memoryBytes', fields['memoryBytes'], bytes => whole(bytes)),
    ...optional('counters', fields['counters'], counts)
  }
}

function counts (value: unknown): Counts {
  const fields = record(value, 'counters')

  return Object.fromEntries(COUNTERS.flatMap(name => fields[name] == null ? [] : [[name, whole(fields[name])]]))
}

function exit (value: unknown): Exit {
  const fields = record(value, 'exit')

  return fields['kind'] === 'code'
    ? { kind: 'code', code: whole(fields['code'], 0, 255) }
    : { kind: 'signal', signal: line(fields['signal']) }
}

function summary (value: unknown, commands: number): CommandSummary {
  const fields = record(value, 'result of a command')

  return {
    command: whole(fields['command'], 0, commands - 1),
    warmups: whole(fields['warmups']),
    memoryMethod: oneOf(fields['memoryMethod'], MEMORY_METHODS),
    cpuMethod: oneOf(fields['cpuMethod'], CPU_METHODS),
    ...optional('memoryBytes', fields['memoryBytes'], bytes => whole(bytes)),
    ...optional('output', fields['output'], output),
    ...optional('notRun', fields['notRun'], notRun),
    ...optional('program', fields['program'], program),
    ...optional('reached', fields['reached'], fraction)
  }
}

function output (value: unknown): NonNullable<CommandResult['output']> {
  const fields = record(value, 'output')

  return {
    stdoutDigest: digest(fields['stdoutDigest']),
    stdoutBytes: whole(fields['stdoutBytes']),
    stderrBytes: whole(fields['stderrBytes']),
    same: fields['same'] === true,
    truncated: fields['truncated'] === true
  }
}

const NOT_RUN: NotRun['code'][] = [
  'not-found', 'not-executable', 'wrong-architecture', 'missing-loader', 'missing-library', 'missing-interpreter', 'empty-file', 'sandbox', 'internal'
]

function notRun (value: unknown): NotRun {
  const fields = record(value, 'not-run')

  return { code: oneOf(fields['code'], NOT_RUN), message: line(fields['message']) }
}

function program (value: unknown): { path: string, digest: string } {
  const fields = record(value, 'program')

  return { path: text(fields['path'], 4096), digest: digest(fields['digest']) }
}

function record (value: unknown, what: string): Record<string, unknown> {
  if (value == null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error(`${what} from the box is not an object`)
  }

  return value as Record<string, unknown>
}

function list<T> (value: unknown, max: number, item: (value: unknown) => T): T[] {
  if (!Array.isArray(value) || value.length > max) {
    throw new Error('list from the box is none or too long')
  }

  return value.map(item)
}

function whole (value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw new Error(`number from the box is not from ${min} to ${max}`)
  }

  return value as number
}

function fraction (value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new Error('fraction from the box is none')
  }

  return value
}

function text (value: unknown, max: number): string {
  if (typeof value !== 'string' || value.length > max) {
    throw new Error('text from the box is none or too long')
  }

  return value
}

function collectedPath (value: unknown): string {
  const path = text(value, 512)

  if (!isCollectedPath(path)) {
    throw new Error('a file from the box has a name that cannot be')
  }

  return path
}

/** One line for a terminal. */
function line (value: unknown): string {
  return printable(text(value, 10_000), 1_000)
}

function decimal (value: unknown): string {
  if (!/^\d{1,20}$/.test(text(value, 20))) {
    throw new Error('instant from the box is no number')
  }

  return value as string
}

function digest (value: unknown): string {
  if (!/^[0-9a-f]{64}$/.test(text(value, 64))) {
    throw new Error('digest from the box is none')
  }

  return value as string
}

function oneOf<T extends string> (value: unknown, choices: readonly T[]): T {
  if (!choices.includes(value as T)) {
    throw new Error(`word from the box is none of ${choices.join(', ')}`)
  }

  return value as T
}

function optional<K extends string, T> (key: K, value: unknown, parse: (value: unknown) => T): Partial<Record<K, T>> {
  return value == null ? {} : { [key]: parse(value) } as Record<K, T>
}
