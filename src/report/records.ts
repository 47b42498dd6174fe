import { COUNTERS } from '../model/counters.ts'
import { commandTitle } from '../model/job.ts'
import { parseMapTask } from '../model/map.ts'
import { mean } from '../stats/moments.ts'
import { rowsOf } from './rows.ts'
import type { Counter } from '../model/counters.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'
import type { Limits } from '../model/limits.ts'
import type { SandboxFacts } from '../model/machine.ts'
import type { Sample } from '../model/sample.ts'
import type { Row } from './rows.ts'
import type { Statistics } from './statistics.ts'

export interface WorkerRecord {
  name: string
  peerId: string
  platform: string
  arch: string
  cpu: string
}

/**
 * One command on one worker, where every run succeeded: the object of
 * hyperfine's `--export-json` (src/benchmark/benchmark_result.rs), then keys of
 * our own. Times are seconds.
 */
export interface ResultRecord {
  command: string
  mean: number
  /** null for one run. */
  stddev: number | null
  median: number
  /** Means over the runs. */
  user: number
  system: number
  min: number
  max: number
  times: number[]
  /** The peak of each run; in an array of one the peak over all of them, where it is not known for each. */
  memory_usage_byte?: number[]
  exit_codes: Array<number | null>
  parameters?: Record<string, string>

  worker: WorkerRecord
  /** Of all processes of each run. */
  cpu_times: number[]
  /** Of each run; the split is sampled by clock ticks, and of a short run it is chance. */
  user_times: number[]
  system_times: number[]
  /** The 95 % interval of the median; absent below six runs. */
  median_interval?: [number, number]
  mad: number
  /** 5th and 95th percentile; absent below 20 runs. */
  p5?: number
  p95?: number
  /** How many runs are far from all others, by hyperfine's rule; they are kept in every figure. */
  outliers: number
  /** Spearman's correlation of time with order, and the change from the first run to the last as a fraction; absent below six runs. */
  drift?: { rho: number, p: number, change: number }
  /** Of neighbouring runs; absent below six. */
  autocorrelation?: number
  /** Of each run. */
  page_faults: { minor: number[], major: number[] }
  context_switches: { voluntary: number[], involuntary: number[] }
  /** Hardware counters of each run, null where it has none; absent when they were not asked for, or where there are none. */
  counters?: Partial<Record<Counter, Array<number | null>>>
  /** Why there are no counters. */
  no_counters?: string
  warmups: number
  noise?: { grade: string, reasons: string[] }
  /** How long its worker waited for a quiet machine before it measured. */
  quiet_wait?: number
  /** Logical processors to which the runs were bound. */
  cores?: number[]
  /** Started together with the other workers. */
  simultaneous?: boolean
  /** Records of its task that do not count; with `conflict`, of the very same execution. */
  duplicates?: FinishedWorker['duplicates']
  /** The half-width that was reached, as a fraction, when it is not the one asked for. */
  precision_reached?: number
  stdout_sha256?: string
  /** Every run printed the same. */
  stdout_same?: boolean
  memory_method?: string
  cpu_method?: string
  program?: { path: string, digest: string }
  sandbox_caveats?: string[]
  /** What about the machine makes its figures less steady or less comparable. */
  environment?: string[]
  /** What the worker's sandbox is made of. */
  sandbox?: SandboxFacts
  /** What each run was allowed. */
  allowed?: Limits
  build?: BuildRecord
  /** Of a map: how often it was run again before; the figures are those of the last time. */
  restarts?: number
  /** Its worker did not end well although every run did: a line around the runs failed. */
  ended?: { state: string, reason: string }
}

/** One command on one worker that did not end well; the raw samples, if it came to any, are kept. */
export interface FailureRecord {
  command: string
  state: string
  reason: string
  parameters?: Record<string, string>
  worker: WorkerRecord
  times: number[]
  cpu_times: number[]
  /** null for a run that a signal ended. */
  exit_codes: Array<number | null>
  /** Limit that ended each run, or null. */
  limits: Array<string | null>
  /** Of a map: how often it was run again before. */
  restarts?: number
  sandbox?: SandboxFacts
  allowed?: Limits
  build?: BuildRecord
}

/** What its worker built before the runs. */
export interface BuildRecord {
  /** As it calls itself. */
  compiler?: string
  /** Seconds, when it was built. */
  time: number
  /** It had been built there before. */
  cached: boolean
}

export interface Records {
  results: ResultRecord[]
  failures: FailureRecord[]
}

/** Every command on every targeted worker is in exactly one of the two lists. */
export function recordsOf (finished: FinishedJob): Records {
  const rows = rowsOf(finished)
  const several = finished.workers.length > 1

  return {
    results: rows.flatMap(row => row.figures == null ? [] : [resultRecord(row, row.figures, finished, several)]),
    failures: rows.filter(row => row.figures == null).map(row => failureRecord(row, finished))
  }
}

function resultRecord (row: Row, statistics: Statistics, finished: FinishedJob, several: boolean): ResultRecord {
  const { samples, result, worker } = row
  const { interval, deviation, p5, p95, outliers, drift, autocorrelation } = statistics
  const record = workerRecord(row)
  const simultaneous = worker.simultaneous ?? worker.result?.start?.simultaneous
  const caveats = worker.result?.sandbox?.caveats ?? []

  return {
    command: several ? `${title(row, finished)} [${record.name}]` : title(row, finished),
    mean: seconds(statistics.mean),
    stddev: deviation == null ? null : seconds(deviation),
    median: seconds(statistics.median),
    user: seconds(mean(samples.map(sample => sample.userNs))),
    system: seconds(mean(samples.map(sample => sample.systemNs))),
    min: seconds(statistics.min),
    max: seconds(statistics.max),
    times: samples.map(sample => seconds(sample.wallNs)),
    ...memoryOf(row),
    exit_codes: samples.map(exitCode),
    ...parametersOf(row, finished, several),
    worker: record,
    cpu_times: samples.map(sample => seconds(sample.cpuNs)),
    user_times: samples.map(sample => seconds(sample.userNs)),
    system_times: samples.map(sample => seconds(sample.systemNs)),
    ...(interval == null ? {} : { median_interval: [seconds(interval.low), seconds(interval.high)] as [number, number] }),
    mad: seconds(statistics.mad),
    ...(p5 == null || p95 == null ? {} : { p5: seconds(p5), p95: seconds(p95) }),
    outliers,
    ...(drift == null ? {} : { drift }),
    ...(autocorrelation == null ? {} : { autocorrelation }),
    page_faults: { minor: samples.map(sample => sample.minorFaults), major: samples.map(sample => sample.majorFaults) },
    context_switches: { voluntary: samples.map(sample => sample.voluntarySwitches), involuntary: samples.map(sample => sample.involuntarySwitches) },
    ...countersOf(row),
    warmups: result?.warmups ?? 0,
    ...(worker.result?.noise == null ? {} : { noise: worker.result.noise }),
    ...(worker.result?.quietWaitMs == null ? {} : { quiet_wait: worker.result.quietWaitMs / 1e3 }),
    ...(worker.result?.cores == null ? {} : { cores: worker.result.cores }),
    ...(simultaneous == null ? {} : { simultaneous }),
    ...(worker.duplicates == null ? {} : { duplicates: worker.duplicates }),
    ...(result?.reached == null ? {} : { precision_reached: result.reached }),
    ...(result?.output == null ? {} : { stdout_sha256: result.output.stdoutDigest, stdout_same: result.output.same }),
    ...(result == null ? {} : { memory_method: result.memoryMethod, cpu_method: result.cpuMethod }),
    ...(result?.program == null ? {} : { program: result.program }),
    ...(caveats.length === 0 ? {} : { sandbox_caveats: caveats }),
    ...(worker.result?.environment == null ? {} : { environment: worker.result.environment }),
    ...restartsOf(row, finished),
    ...conditions(row),
    ...(row.ended == null ? {} : { ended: row.ended })
  }
}

/** Those that made this command of a pattern; several workers are told apart by one more, unless the pattern has taken its name. */
function parametersOf (row: Row, { job }: FinishedJob, several: boolean): { parameters?: Record<string, string> } {
  const own = { ...entryParameter(row, job), ...job.commands[row.command]?.parameters }
  const parameters = several ? { worker: row.worker.info.name, ...own } : own

  return Object.keys(parameters).length === 0 ? {} : { parameters }
}

/** A map may do the same command several times: its place tells them apart, `LIST.ENTRY` counted from 1. */
function entryParameter ({ worker: { task } }: Row, job: FinishedJob['job']): Record<string, string> {
  if (job.map == null) {
    return {}
  }

  const { list, entry } = parseMapTask(task)

  return { entry: `${list + 1}.${entry + 1}` }
}

/** Of a map: how often it was run again. */
function restartsOf ({ worker: { result } }: Row, { job }: FinishedJob): { restarts?: number } {
  return job.map == null ? {} : { restarts: result?.key.attempt ?? 0 }
}

function countersOf ({ samples, worker: { result } }: Row): Pick<ResultRecord, 'counters' | 'no_counters'> {
  const counted = COUNTERS.filter(counter => samples.some(({ counters }) => counters?.[counter] != null))

  return {
    ...(counted.length === 0 ? {} : { counters: Object.fromEntries(counted.map(counter => [counter, samples.map(({ counters }) => counters?.[counter] ?? null)])) }),
    ...(result?.noCounters == null ? {} : { no_counters: result.noCounters })
  }
}

function failureRecord (row: Row, finished: FinishedJob): FailureRecord {
  return {
    command: title(row, finished),
    state: row.problem?.state ?? 'failed',
    reason: row.problem?.reason ?? '',
    ...parametersOf(row, finished, false),
    worker: workerRecord(row),
    times: row.samples.map(sample => seconds(sample.wallNs)),
    cpu_times: row.samples.map(sample => seconds(sample.cpuNs)),
    exit_codes: row.samples.map(exitCode),
    limits: row.samples.map(sample => sample.limit ?? null),
    ...restartsOf(row, finished),
    ...conditions(row)
  }
}

/** Under what protections and limits it ran, as far as its worker came to say. */
function conditions ({ worker: { result } }: Row): { sandbox?: SandboxFacts, allowed?: Limits, build?: BuildRecord } {
  const { compiler, wallMs = 0, cached = false } = result?.build ?? {}

  return {
    ...(result?.build == null ? {} : { build: { ...(compiler == null ? {} : { compiler }), time: wallMs / 1e3, cached } }),
    ...(result?.sandbox == null ? {} : { sandbox: result.sandbox }),
    ...(result?.limits == null ? {} : { allowed: result.limits })
  }
}

function memoryOf ({ samples, result }: Row): { memory_usage_byte?: number[] } {
  const each = samples.flatMap(({ memoryBytes }) => memoryBytes ?? [])

  if (each.length > 0 && each.length === samples.length) {
    return { memory_usage_byte: each }
  }

  return result?.memoryBytes == null ? {} : { memory_usage_byte: [result.memoryBytes] }
}

/** As the user wrote it, uncut: a program reads it, not a terminal. */
function title (row: Row, finished: FinishedJob): string {
  const command = finished.job.commands[row.command]

  return command == null ? row.title : commandTitle(command)
}

function workerRecord ({ worker: { info } }: Row): WorkerRecord {
  const { platform, arch, cpuModel } = info.resources

  return { name: info.name, peerId: info.peerId, platform, arch, cpu: cpuModel }
}

function exitCode ({ exit }: Sample): number | null {
  return exit.kind === 'code' ? exit.code : null
}

function seconds (ns: number): number {
  return ns / 1e9
}
