import { commandTitle } from '../model/job.ts'
import { comparisonRecords } from './comparison-records.ts'
import { statisticsOf } from './statistics.ts'
import { toJson } from './to-json.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'
import type { DataSet } from '../model/data.ts'
import type { Command, Job } from '../model/job.ts'
import type { WorkerInfo } from '../model/machine.ts'
import type { PayloadManifest } from '../model/payload.ts'
import type { CommandResult, ExecutionResult } from '../model/result.ts'
import type { TaskState } from '../model/states.ts'
import type { Variant, Variants } from '../model/variants.ts'
import type { ComparisonRecord } from './comparison-records.ts'
import type { Statistics } from './statistics.ts'

/** What stands first in the file, so that a reader knows it. */
export const FULL_FORMAT = 'meshmark-results'

/** Grows when a reader of the version before could misunderstand the file; new keys alone do not count. */
export const FULL_VERSION = 1

/**
 * All that is known of a finished job, in the words of src/model. Times are
 * nanoseconds where a key ends in Ns and milliseconds where it ends in Ms;
 * nothing is rounded.
 */
export interface FullResults {
  format: typeof FULL_FORMAT
  version: typeof FULL_VERSION
  job: FullJob
  /** How far apart the workers started that started together. */
  startSkewNs?: number
  /** Every worker that was targeted. */
  workers: FullWorker[]
  /** Each command beside the first one, where they are compared. */
  comparisons?: ComparisonRecord[]
}

/** As it was submitted, but of its environment only the names: values may be secrets. */
export interface FullJob extends Omit<Job, 'env' | 'payload' | 'data' | 'variants' | 'commands'> {
  commands: Array<Command & { title: string }>
  payload?: FullPayload
  data?: Array<Omit<DataSet, 'payload'> & { payload: FullPayload }>
  variants?: Omit<Variants, 'choices'> & { choices: Array<Omit<Variant, 'payload'> & { payload?: FullPayload }> }
  env: string[]
}

/** Without the digests of its chunks. */
export type FullPayload = Pick<PayloadManifest, 'id' | 'files'>

export interface FullWorker extends Omit<FinishedWorker, 'result'> {
  info: WorkerInfo
  state: TaskState
  /** The worker's own record; absent when there is none. */
  result?: Omit<ExecutionResult, 'commands'> & { commands: FullCommand[] }
}

export interface FullCommand extends CommandResult {
  title: string
  parameters?: Record<string, string>
  /** Of all its measured runs, however they ended; absent when there are none. */
  statistics?: Statistics
}

/** The complete JSON of a finished job, in one line with a newline at its end. */
export function renderFull (finished: FinishedJob): string {
  return `${toJson(fullResults(finished))}\n`
}

export function fullResults (finished: FinishedJob): FullResults {
  const { job, workers, startSkewNs } = finished

  return {
    format: FULL_FORMAT,
    version: FULL_VERSION,
    job: fullJob(job),
    ...(startSkewNs == null ? {} : { startSkewNs }),
    workers: workers.map(({ result, ...worker }) => ({
      ...worker,
      ...(result == null ? {} : { result: { ...result, commands: result.commands.map(command => fullCommand(command, job)) } })
    })),
    ...(job.comparison == null ? {} : { comparisons: comparisonRecords(finished) })
  }
}

/** Without what may be a secret, and without digests of chunks. */
export function fullJob ({ env, payload, data, variants, commands, ...job }: Job): FullJob {
  return {
    ...job,
    commands: commands.map(command => ({ title: commandTitle(command), ...command })),
    ...(payload == null ? {} : { payload: fullPayload(payload) }),
    ...(data == null ? {} : { data: data.map(set => ({ ...set, payload: fullPayload(set.payload) })) }),
    ...(variants == null ? {} : { variants: { ...variants, choices: variants.choices.map(({ payload, ...choice }) => ({ ...choice, ...(payload == null ? {} : { payload: fullPayload(payload) }) })) } }),
    env: Object.keys(env)
  }
}

function fullPayload ({ id, files }: PayloadManifest): FullPayload {
  return { id, files }
}

function fullCommand (result: CommandResult, { commands }: Job): FullCommand {
  const command = commands[result.command]
  const statistics = statisticsOf(result.samples, result.memoryBytes)
  const { samples, ...rest } = result

  return {
    title: command == null ? '' : commandTitle(command),
    ...(command?.parameters == null ? {} : { parameters: command.parameters }),
    ...rest,
    ...(statistics == null ? {} : { statistics }),
    samples
  }
}
