import { MeshmarkError } from '../model/errors.ts'
import { metricOf, METRICS } from '../model/comparison.ts'
import { commandTitle, MAX_COMMANDS } from '../model/job.ts'
import { succeeded } from '../model/sample.ts'
import { FULL_FORMAT, FULL_VERSION } from './full.ts'
import { parseForeign } from './foreign-json.ts'
import { problemText, rowsOf } from './rows.ts'
import type { Metric } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { LimitName } from '../model/limits.ts'
import type { Sample } from '../model/sample.ts'
import type { ForeignValue } from './foreign-json.ts'

/** Runs of one command on one worker, as a job or a file has them. */
export interface MeasuredCommand {
  /** Absent in what hyperfine wrote: it measures where it is. */
  worker?: { name: string, peerId?: string }
  /** Command line or name, without the worker's. */
  command: string
  /** Nanoseconds or bytes, in the order of the runs; a metric that was not billed is absent. */
  values: Partial<Record<Metric, number[]>>
  /** Why there are no values to rely on. */
  problem?: string
}

/** What one job or one file measured, in its order. */
export interface ResultSet {
  /** What the user named it by. */
  label: string
  /** Id of the job that it came from, when that is known. */
  job?: string
  commands: MeasuredCommand[]
}

const MAX_RESULTS = 100_000
const MAX_RUNS = 1_000_000
const MAX_TEXT = 1_000_000

/** @param only - index of the one command that is wanted; absent = all */
export function resultSetOf (finished: FinishedJob, label: string, only?: number): ResultSet {
  return {
    label,
    job: finished.job.id,
    commands: rowsOf(finished).filter(({ command }) => only == null || command === only).map(({ worker: { info }, command, samples, problem }) => ({
      worker: { name: info.name, peerId: info.peerId },
      command: commandTitle(finished.job.commands[command] ?? { argv: [] }),
      ...(problem == null ? { values: valuesOf(samples) } : { values: {}, problem: problemText(problem) })
    }))
  }
}

/**
 * Reads a file of results: hyperfine's `--export-json` of version 1.0 or later,
 * the same of ours, or our complete JSON. Nothing in it is believed before it
 * has been looked at; errors name the file and the field.
 */
export function parseResultSet (text: string, file: string): ResultSet {
  const content = parseForeign(text, file)

  return content.find('format')?.value === FULL_FORMAT ? fullSet(content) : hyperfineSet(content)
}

function valuesOf (samples: ReadonlyArray<Pick<Sample, 'wallNs' | 'cpuNs' | 'memoryBytes'>>): MeasuredCommand['values'] {
  return Object.fromEntries(METRICS.flatMap(metric => {
    const values = samples.flatMap(sample => metricOf(sample, metric) ?? [])

    return values.length === 0 || values.length < samples.length ? [] : [[metric, values]]
  }))
}

function fullSet (content: ForeignValue): ResultSet {
  const version = content.at('version')

  if (version.value !== FULL_VERSION) {
    version.fail(`${FULL_VERSION}, the only version of this file that this Meshmark reads`)
  }

  const job = content.at('job')
  const codes = job.find('ignoreFailure')?.at('codes').items(256).map(code => code.count(255))
  const ignored = codes == null ? undefined : { codes }
  const titles = job.at('commands').items(MAX_COMMANDS, 1).map(command => command.at('title').text(MAX_TEXT))

  return {
    label: content.file,
    job: job.at('id').text(26),
    commands: content.at('workers').items(MAX_RESULTS).flatMap(worker => {
      const info = worker.at('info')
      const state = worker.at('state').text(100)
      const measured = worker.find('result')?.at('commands').items(MAX_COMMANDS) ?? []

      return titles.map((title, index) => {
        const own = measured.find(command => command.at('command').value === index)
        const samples = own?.at('samples').items(MAX_RUNS).map(foreignSample) ?? []
        const problem = foreignProblem(state, own?.find('notRun') != null, samples.every(sample => succeeded(sample, ignored)), samples.length)

        return {
          worker: { name: info.at('name').text(1_000), peerId: info.at('peerId').text(100) },
          command: title,
          ...(problem == null ? { values: valuesOf(samples) } : { values: {}, problem })
        }
      })
    })
  }
}

type ForeignSample = Pick<Sample, 'wallNs' | 'cpuNs' | 'memoryBytes' | 'exit' | 'limit'>

/** As for our own results: what succeeded counts although something else of its task did not, unless the task was cut short. */
function foreignProblem (state: string, notRun: boolean, good: boolean, runs: number): string | undefined {
  if (notRun || !good) {
    return notRun ? 'not-run' : state === 'done' ? 'failed' : state
  }

  return ['done', 'failed', 'limit', 'not-run'].includes(state) && runs > 0 ? undefined : state === 'done' ? 'not measured' : state
}

function foreignSample (sample: ForeignValue): ForeignSample {
  const memory = sample.find('memoryBytes')
  const exit = sample.at('exit')
  const limit = sample.find('limit')

  return {
    wallNs: sample.at('wallNs').amount(),
    cpuNs: sample.at('cpuNs').amount(),
    ...(memory == null ? {} : { memoryBytes: memory.amount() }),
    exit: exit.at('kind').value === 'code' ? { kind: 'code', code: exit.at('code').count(255) } : { kind: 'signal', signal: exit.at('signal').text(40) },
    ...(limit == null ? {} : { limit: limit.text(40) as LimitName })
  }
}

function hyperfineSet (content: ForeignValue): ResultSet {
  if (content.find('results') == null) {
    throw new MeshmarkError('usage', `${content.file}: results is missing: name a file that --export-json of hyperfine or Meshmark wrote, or --export-full`)
  }

  const job = content.find('job')?.find('id')

  return {
    label: content.file,
    ...(job == null ? {} : { job: job.text(26) }),
    commands: [
      ...content.at('results').items(MAX_RESULTS).map(hyperfineResult),
      ...(content.find('failures')?.items(MAX_RESULTS) ?? []).map(failure => ({
        ...whoAndWhat(failure),
        values: {},
        problem: failure.at('state').text(100)
      }))
    ]
  }
}

function hyperfineResult (result: ForeignValue): MeasuredCommand {
  const amounts = (key: string): number[] | undefined => result.find(key)?.items(MAX_RUNS, 1).map(item => item.amount())
  const wall = result.at('times').items(MAX_RUNS, 1).map(item => toNs(item.amount()))
  const cpu = amounts('cpu_times')?.map(toNs)
  const memory = amounts('memory_usage_byte')

  return {
    ...whoAndWhat(result),
    values: {
      wall,
      ...(cpu == null ? {} : { cpu }),
      // Ours has one value for all runs where they are not billed one by one.
      ...(memory == null || memory.length < wall.length ? {} : { memory })
    }
  }
}

/** Ours puts the worker's name behind the command when there are several. */
function whoAndWhat (record: ForeignValue): Pick<MeasuredCommand, 'worker' | 'command'> {
  const worker = record.find('worker')
  const command = record.at('command').text(MAX_TEXT)

  if (worker == null) {
    return { command }
  }

  const name = worker.at('name').text(1_000)
  const peerId = worker.find('peerId')?.text(100)

  return {
    worker: { name, ...(peerId == null ? {} : { peerId }) },
    command: command.endsWith(` [${name}]`) ? command.slice(0, -` [${name}]`.length) : command
  }
}

function toNs (seconds: number): number {
  return seconds * 1e9
}
