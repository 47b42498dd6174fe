import { LatestChanges } from '../../report/latest-changes.ts'
import { BY_NAME, withWords } from './words.ts'
import type { ProfileChange } from '../../model/profile.ts'

/** A change as it comes over HTTP: times are ISO 8601. */
export type ChangeRecord = Record<string, string | number | null>

/** Changes that are kept in the page. */
const MAX_CHANGES = 20_000

/** What the workers did, as a master tells it. */
export class Activities {
  #latest = new LatestChanges(MAX_CHANGES)
  /** The master's clock ahead of this one's, milliseconds. */
  aheadMs = 0
  /** Grows with every message. */
  version = 0

  /** A stream begins with all that there is. */
  begin (): void {
    this.#latest = new LatestChanges(MAX_CHANGES)
  }

  add (nowMs: number, records: readonly ChangeRecord[], hereMs: number): void {
    this.aheadMs = nowMs - hereMs
    this.version++
    this.#latest.add(records.flatMap(record => changeOf(record) ?? []))
  }

  get changes (): ProfileChange[] {
    return this.#latest.take().changes
  }
}

/** Undefined for what a master of a later version may say. */
export function changeOf (record: ChangeRecord): ProfileChange | undefined {
  const time = (key: string): number => Date.parse(String(record[key]))
  const common = { atMs: time('at'), worker: String(record.peer_id), workerName: String(record.worker) }

  switch (record.kind) {
    case 'state':
      return { kind: 'state', ...common, state: String(record.state) as never, slots: Number(record.slots) }
    case 'task':
      return {
        kind: 'task',
        ...common,
        outcome: String(record.outcome) as never,
        startedAtMs: time('started_at'),
        endedAtMs: time('ended_at'),
        ...(record.job == null ? {} : { job: String(record.job) }),
        ...(record.task == null ? {} : { task: String(record.task) })
      }
    default:
      return undefined
  }
}

/** Those of workers whose names have all of the words, and of at most so many workers, by name. Pure. */
export function chosenChanges (changes: readonly ProfileChange[], words: string, most: number): { changes: ProfileChange[], workers: number, shown: number } {
  const fits = withWords(words)
  const names = new Map(changes.map(({ worker, workerName }) => [worker, workerName]))
  const fitting = [...names].filter(([, name]) => fits(name)).sort(([, a], [, b]) => BY_NAME.compare(a, b))
  const shown = new Set(fitting.slice(0, most).map(([worker]) => worker))

  return { changes: changes.filter(({ worker }) => shown.has(worker)), workers: fitting.length, shown: shown.size }
}
