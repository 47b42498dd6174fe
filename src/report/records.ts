import { commandTitle } from '../model/job.ts'
import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { medianAbsoluteDeviation } from '../stats/mad.ts'
import { mean, standardDeviation } from '../stats/moments.ts'
import { median } from '../stats/quantile.ts'
import { rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Limits } from '../model/limits.ts'
import type { SandboxFacts } from '../model/machine.ts'
import type { Sample } from '../model/sample.ts'
import type { Row } from './rows.ts'

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
  /** The 95 % interval of the median; absent below six runs. */
  median_interval?: [number, number]
  mad: number
  warmups: number
  noise?: { grade: string, reasons: string[] }
  /** Started together with the other workers. */
  simultaneous?: boolean
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
}

/** One command on one worker that did not end well; the raw samples, if it came to any, are kept. */
export interface FailureRecord {
  command: string
  state: string
  reason: string
  worker: WorkerRecord
  times: number[]
  cpu_times: number[]
  /** null for a run that a signal ended. */
  exit_codes: Array<number | null>
  /** Limit that ended each run, or null. */
  limits: Array<string | null>
  sandbox?: SandboxFacts
  allowed?: Limits
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
    results: rows.filter(row => row.problem == null).map(row => resultRecord(row, finished, several)),
    failures: rows.filter(row => row.problem != null).map(row => failureRecord(row, finished))
  }
}

function resultRecord (row: Row, finished: FinishedJob, several: boolean): ResultRecord {
  const { samples, result, worker } = row
  // Whole nanoseconds are exact; seconds are not, so they come last.
  const wall = samples.map(sample => sample.wallNs)
  const deviation = standardDeviation(wall)
  const interval = medianIntervalOfSeries(wall)
  const record = workerRecord(row)
  const simultaneous = worker.simultaneous ?? worker.result?.start?.simultaneous
  const caveats = worker.result?.sandbox?.caveats ?? []

  return {
    command: several ? `${title(row, finished)} [${record.name}]` : title(row, finished),
    mean: seconds(mean(wall)),
    stddev: deviation == null ? null : seconds(deviation),
    median: seconds(median(wall)),
    user: seconds(mean(samples.map(sample => sample.userNs))),
    system: seconds(mean(samples.map(sample => sample.systemNs))),
    min: seconds(wall.reduce((least, ns) => Math.min(least, ns), Infinity)),
    max: seconds(wall.reduce((most, ns) => Math.max(most, ns), -Infinity)),
    times: wall.map(seconds),
    ...memoryOf(row),
    exit_codes: samples.map(exitCode),
    ...(several ? { parameters: { worker: record.name } } : {}),
    worker: record,
    cpu_times: samples.map(sample => seconds(sample.cpuNs)),
    ...(interval == null ? {} : { median_interval: [seconds(interval.low), seconds(interval.high)] as [number, number] }),
    mad: seconds(medianAbsoluteDeviation(wall)),
    warmups: result?.warmups ?? 0,
    ...(worker.result?.noise == null ? {} : { noise: worker.result.noise }),
    ...(simultaneous == null ? {} : { simultaneous }),
    ...(result?.reached == null ? {} : { precision_reached: result.reached }),
    ...(result?.output == null ? {} : { stdout_sha256: result.output.stdoutDigest, stdout_same: result.output.same }),
    ...(result == null ? {} : { memory_method: result.memoryMethod, cpu_method: result.cpuMethod }),
    ...(result?.program == null ? {} : { program: result.program }),
    ...(caveats.length === 0 ? {} : { sandbox_caveats: caveats }),
    ...(worker.result?.environment == null ? {} : { environment: worker.result.environment }),
    ...conditions(row)
  }
}

function failureRecord (row: Row, finished: FinishedJob): FailureRecord {
  return {
    command: title(row, finished),
    state: row.problem?.state ?? 'failed',
    reason: row.problem?.reason ?? '',
    worker: workerRecord(row),
    times: row.samples.map(sample => seconds(sample.wallNs)),
    cpu_times: row.samples.map(sample => seconds(sample.cpuNs)),
    exit_codes: row.samples.map(exitCode),
    limits: row.samples.map(sample => sample.limit ?? null),
    ...conditions(row)
  }
}

/** Under what protections and limits it ran, as far as its worker came to say. */
function conditions ({ worker: { result } }: Row): { sandbox?: SandboxFacts, allowed?: Limits } {
  return {
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
