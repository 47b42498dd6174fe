import { isJobId } from '../model/ids.ts'
import { parseForeign } from './foreign-json.ts'
import { toJson } from './to-json.ts'
import type { ProfileChange } from '../model/profile.ts'
import type { Outcome } from '../model/result.ts'
import type { WorkerState } from '../model/states.ts'
import type { Window } from './activity.ts'
import type { ForeignValue } from './foreign-json.ts'

export const PROFILE_FORMAT = 'meshmark profile'
export const PROFILE_VERSION = 1
const MAX_CHANGES = 1_000_000

const STATES: readonly WorkerState[] = ['waiting', 'reserved', 'running', 'failed, restarting', 'finished, delivering', 'draining', 'lost']
const OUTCOMES: readonly Outcome[] = ['done', 'failed', 'limit', 'not-run', 'cancelled', 'interrupted']

/** A recording and the time that it is of. */
export interface Profile extends Window {
  changes: ProfileChange[]
}

/** One change as files have it; times are ISO 8601 in UTC. */
export function changeRecord (change: ProfileChange): Record<string, string | number | null> {
  const { kind, atMs, worker, workerName } = change
  const common = { at: iso(atMs), kind, worker: workerName, peer_id: worker }

  return change.kind === 'state'
    ? { ...common, state: change.state, slots: change.slots }
    : { ...common, outcome: change.outcome, started_at: iso(change.startedAtMs), ended_at: iso(change.endedAtMs), job: change.job ?? null, task: change.task ?? null }
}

export function renderProfile ({ fromMs, untilMs, changes }: Profile): string {
  return toJson({ format: PROFILE_FORMAT, version: PROFILE_VERSION, from: iso(fromMs), until: iso(untilMs), changes: changes.map(changeRecord) })
}

/** Reads what `profile --format json` wrote. Nothing in it is believed before it has been looked at; errors name the file and the field. */
export function parseProfile (text: string, file: string): Profile {
  return parseProfileOf(parseForeign(text, file))
}

/** The same, of a part of a file. */
export function parseProfileOf (content: ForeignValue): Profile {
  const format = content.at('format')
  const version = content.at('version')

  if (format.value !== PROFILE_FORMAT) {
    format.fail(`'${PROFILE_FORMAT}', as meshmark profile --format json writes it`)
  }

  if (version.value !== PROFILE_VERSION) {
    version.fail(`${PROFILE_VERSION}, the only version that this Meshmark reads`)
  }

  const fromMs = time(content.at('from'))
  const untilMs = time(content.at('until'))

  if (untilMs < fromMs) {
    content.at('until').fail('no earlier than from')
  }

  return { fromMs, untilMs, changes: content.at('changes').items(MAX_CHANGES).map(change) }
}

function change (value: ForeignValue): ProfileChange {
  const kind = value.at('kind')
  const common = { atMs: time(value.at('at')), worker: value.at('peer_id').text(100), workerName: value.at('worker').text(256) }

  switch (kind.value) {
    case 'state':
      return { kind: 'state', ...common, state: word(value.at('state'), STATES), slots: value.at('slots').count(100_000) }
    case 'task': {
      const job = value.find('job')
      const task = value.find('task')

      if (job != null && !isJobId(job.text(26))) {
        job.fail('the id of a job')
      }

      return {
        kind: 'task',
        ...common,
        outcome: word(value.at('outcome'), OUTCOMES),
        startedAtMs: time(value.at('started_at')),
        endedAtMs: time(value.at('ended_at')),
        ...(job == null ? {} : { job: job.text(26) }),
        ...(task == null ? {} : { task: task.text(100) })
      }
    }
    default:
      return kind.fail("'state' or 'task'")
  }
}

function word<T extends string> (value: ForeignValue, words: readonly T[]): T {
  return words.find(word => word === value.value) ?? value.fail(`one of ${words.join(', ')}`)
}

function time (value: ForeignValue): number {
  const ms = Date.parse(value.text(40))

  return Number.isNaN(ms) ? value.fail('a time, as 2026-01-31T12:00:00.000Z') : ms
}

function iso (ms: number): string {
  return new Date(ms).toISOString()
}
