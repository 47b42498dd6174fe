import { backoffMs } from '../../../model/restart.ts'
import { avoid } from './avoidance.ts'
import type { Ended, TaskEntry } from './state.ts'

/** Before its next attempt, which has not been given to anybody. */
export function pause (task: TaskEntry, record: Ended, nowMs: number): void {
  const { rule } = task

  if (rule == null || task.restart?.attempt === task.attempt) {
    return
  }

  task.restart = { attempt: task.attempt, atMs: nowMs + backoffMs(rule, record.key.attempt), due: false }
  task.reason = `${endWords(record)}: restart ${record.key.attempt + 1}${rule.max == null ? '' : ` of ${rule.max}`}`
  avoid(task, record, nowMs)
}

/** How it ended, for people: `failed (exit 1)`. */
export function endWords ({ outcome, how, reason }: Pick<Ended, 'outcome' | 'how' | 'reason'>): string {
  const detail = how ?? reason

  return `${outcome}${detail == null ? '' : ` (${detail})`}`
}

/** Does it wait for the time of its restart? */
export function isPaused ({ state, attempt, restart }: TaskEntry): boolean {
  return state === 'queued' && restart?.attempt === attempt && !restart.due
}
