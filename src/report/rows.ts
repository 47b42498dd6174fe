import { commandTitle } from '../model/job.ts'
import { DEFAULT_LIMITS, describeLimit } from '../model/limits.ts'
import { succeeded } from '../model/sample.ts'
import { entryOf } from '../model/task-commands.ts'
import { printable } from '../model/text.ts'
import { statisticsOf } from './statistics.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'
import type { Command, Job } from '../model/job.ts'
import type { Limits } from '../model/limits.ts'
import type { CommandResult } from '../model/result.ts'
import type { Sample } from '../model/sample.ts'
import type { TaskState } from '../model/states.ts'
import type { Statistics } from './statistics.ts'

/** What one command did on one worker. */
export interface Row {
  worker: FinishedWorker
  command: number
  /** The worker's name, fit for a terminal. */
  name: string
  /** Its processor, without the maker's name: the model tells. */
  cpu: string
  title: string
  /** All measured runs, failed ones included. */
  samples: Sample[]
  /** Absent when the command was never reached. */
  result?: CommandResult
  /** Present when every run succeeded. */
  figures?: Statistics
  /** Present when not. */
  problem?: Problem
  /** How its task ended, when it did not end well and no command of it has a problem: a line around the runs failed. */
  ended?: Problem
}

/** What the table shows of them. */
export type Figures = Pick<Statistics, 'median' | 'interval' | 'min' | 'cpu'>

export interface Problem {
  state: TaskState
  /** A clause for people. */
  reason: string
}

/** One row for each command on each targeted worker, whatever became of it. */
export function rowsOf (finished: FinishedJob): Row[] {
  return finished.workers.flatMap(worker => {
    const rows = commandsOf(finished.job, worker).map(({ command, index, place }): Row => {
      const result = worker.result?.commands.find(candidate => candidate.command === place)
      const samples = result?.samples ?? []
      const problem = problemOf(finished, worker, result)

      return {
        worker,
        command: index,
        name: printable(worker.info.name, 60),
        cpu: printable(worker.info.resources.cpuModel, 60).replace(/^(?:AMD|Intel) /, ''),
        title: printable(oneLine(commandTitle(command)), 500),
        samples,
        result,
        problem,
        figures: problem == null ? statisticsOf(samples, result?.memoryBytes) : undefined
      }
    })

    return worker.state === 'done' || rows.some(({ problem }) => problem != null)
      ? rows
      : rows.map(row => ({ ...row, ended: { state: worker.state, reason: reasonOf(worker) } }))
  })
}

/** What the task was for; `place` among the commands of its result. */
function commandsOf (job: Job, { task }: FinishedWorker): Array<{ command: Command, index: number, place: number }> {
  if (job.map == null) {
    return job.commands.map((command, index) => ({ command, index, place: index }))
  }

  const { command: index } = entryOf(job, task)
  const command = job.commands[index]

  return command == null ? [] : [{ command, index, place: 0 }]
}

function reasonOf ({ reason, result }: FinishedWorker): string {
  return printable(reason ?? result?.reason ?? '')
}

/** A script given as an argument may have lines: they are told apart by a mark. */
export function oneLine (text: string): string {
  return text.trim().replace(/\r?\n/g, '⏎').replaceAll('\t', ' ')
}

/**
 * A command that succeeded keeps its figures when another one of the same task
 * failed; a task that was cut short (lost, cancelled, interrupted) has none to
 * rely on.
 */
function problemOf ({ job }: FinishedJob, worker: FinishedWorker, result: CommandResult | undefined): Problem | undefined {
  if (result?.notRun != null) {
    return { state: 'not-run', reason: printable(result.notRun.message) }
  }

  const failed = result?.samples.filter(sample => !succeeded(sample, job.ignoreFailure)) ?? []

  if (result != null && failed.length > 0) {
    return { state: failed.some(sample => sample.limit != null) ? 'limit' : 'failed', reason: failures(failed, result.samples.length, limitsOn(worker, job)) }
  }

  const measured = worker.state === 'done' || worker.state === 'failed' || worker.state === 'limit' || worker.state === 'not-run'

  if (measured && result != null && result.samples.length > 0) {
    return undefined
  }

  return worker.state === 'done'
    ? { state: 'failed', reason: 'its result has no measurements' }
    : { state: worker.state, reason: reasonOf(worker) }
}

/** What held there; a worker that says nothing of it had the job's own. */
function limitsOn ({ result }: FinishedWorker, job: Job): Limits {
  return result?.limits ?? { ...DEFAULT_LIMITS, ...job.limits }
}

/** `exited with 3 in 2 of 10 runs, killed by SIGSEGV in 1 of 10 runs`, the most frequent first. */
function failures (failed: Sample[], runs: number, limits: Limits): string {
  const counts = new Map<string, number>()

  for (const sample of failed) {
    const how = howItEnded(sample, limits)

    counts.set(how, (counts.get(how) ?? 0) + 1)
  }

  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([how, count]) => runs === 1 ? how : `${how} in ${count} of ${runs} runs`)
    .join(', ')
}

function howItEnded ({ exit, limit }: Sample, limits: Limits): string {
  if (limit != null) {
    return `stopped at the ${describeLimit(limit, limits)}`
  }

  return exit.kind === 'code' ? `exited with ${exit.code}` : `killed by ${printable(exit.signal, 20)}`
}

const STATE_WORDS: Partial<Record<TaskState, string>> = { limit: 'over a limit', 'not-run': 'not run' }

/** `failed: exited with 3`, `lost`. */
export function problemText ({ state, reason }: Problem): string {
  const word = STATE_WORDS[state] ?? state

  return reason === '' || reason === word ? word : `${word}: ${reason}`
}
