import { executionId } from '../../../model/ids.ts'
import type { Ended, JobEntry, TaskEntry } from './state.ts'
import type { Outcome } from '../../../model/result.ts'

/** A program that takes its machine down every time is not run for ever. */
export const MAX_ATTEMPTS = 10

/** What ran to an end of its own says more than what was stopped, and that more than what broke off. */
const WEIGHT: Record<Outcome, number> = { done: 0, failed: 0, limit: 0, 'not-run': 1, cancelled: 1, interrupted: 2 }

/**
 * The one record of a task that counts: of several equally telling ones that
 * with the lowest execution id, so that all masters choose the same whatever
 * the order in which they hear.
 */
export function countedRecord (task: Pick<TaskEntry, 'records'>): Ended | undefined {
  let counted: { execution: string, record: Ended } | undefined

  for (const [execution, record] of task.records) {
    const order = counted == null ? -1 : WEIGHT[record.outcome] - WEIGHT[counted.record.outcome]

    if (counted == null || order < 0 || (order === 0 && execution < counted.execution)) {
      counted = { execution, record }
    }
  }

  return counted?.record
}

export function note (task: TaskEntry, record: Ended): void {
  task.records.set(executionId(record.key), record)
}

/** May this task be run once more, when its latest attempt has come to nothing? One for a named worker has nowhere else to go. */
export function mayRetry (entry: JobEntry, task: TaskEntry): boolean {
  return entry.job.retryLostMs != null && task.target == null && !entry.cancelled && latestAttempt(task) + 1 < MAX_ATTEMPTS
}

export function latestAttempt (task: TaskEntry): number {
  const attempts = [...task.assigned.values(), ...[...task.records.values()].map(({ key }) => key)].map(({ attempt }) => attempt)

  return Math.max(task.attempt, ...attempts)
}

/** The attempt that a task gets when it is given to somebody anew: one that has a record is over, whoever else was given it. */
export function freshAttempt (task: TaskEntry): number {
  return hasRecordOf(task, task.attempt) ? latestAttempt(task) + 1 : task.attempt
}

/** Somebody has recorded an end of this attempt. */
export function hasRecordOf (task: TaskEntry, attempt: number): boolean {
  return [...task.records.values()].some(({ key }) => key.attempt === attempt)
}

/** An interrupted one may be tried again. */
export function isFinal (entry: JobEntry, task: TaskEntry, record: Ended): boolean {
  return record.outcome !== 'interrupted' || !mayRetry(entry, task)
}

/**
 * Where a task stands by what is on disk alone: ended by a record, perhaps
 * begun by those it was assigned to, or waiting.
 */
export function takeStock (entry: JobEntry, task: TaskEntry): void {
  if (task.state === 'not-run' && task.records.size === 0) {
    return
  }

  const counted = countedRecord(task)
  const assigned = [...task.assigned.values()]

  task.prepared = false
  task.waiting = undefined
  task.asked.clear()
  task.doubted.clear()

  if (counted != null && isFinal(entry, task, counted)) {
    endBy(task, counted)
    return
  }

  const latest = latestAttempt(task)
  const open = assigned.filter(key => key.attempt === latest && !task.records.has(executionId(key)))
  const broken = open.length === 0 && hasRecordOf(task, latest)

  task.attempt = broken ? latest + 1 : latest
  task.worker = open.at(-1)?.worker
  open.forEach(key => task.doubted.add(key.worker))
  task.state = open.length === 0
    ? entry.cancelled ? 'cancelled' : 'queued'
    : entry.cancelled ? 'cancelling' : 'starting'
}

export function endBy (task: TaskEntry, record: Ended): void {
  task.state = record.outcome
  task.reason = record.reason
  task.worker = record.key.worker
  task.attempt = record.key.attempt
  task.simultaneous = record.simultaneous ?? task.simultaneous
}
