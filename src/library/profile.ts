import { type Activity, activitiesOf, windowOf } from '../report/activity.ts'
import { LatestChanges } from '../report/latest-changes.ts'
import { PROFILE_CSV_HEADING, profileCsvLine, profileNdjsonLine } from '../report/profile-csv.ts'
import { renderProfile } from '../report/profile-file.ts'
import type { ProfileChange } from '../model/profile.ts'
import type { Profile as Recorded } from '../report/profile-file.ts'
import type { Client } from '../roles/client/types.ts'

/** As much as a master keeps. */
export const MAX_CHANGES = 100_000

export interface ProfileQuery {
  /** So far back, milliseconds. @default all that the master keeps */
  withinMs?: number
  /** Only executions of this job, and no states. */
  job?: string
  /** Only the latest, so many: the time begins with them. @default all */
  limit?: number
  signal?: AbortSignal
}

/** All that one master knows now. Without `withinMs`, and where there was more than `limit`, the time begins with the first change. */
export async function readProfile (client: Pick<Client, 'profile'>, { withinMs, job, limit = MAX_CHANGES, signal }: ProfileQuery = {}): Promise<Recorded & { truncated: boolean }> {
  const latest = new LatestChanges(limit)
  let untilMs = 0

  for await (const page of client.profile({ signal, ...(withinMs == null ? {} : { withinMs: Math.round(withinMs) }), ...(job == null ? {} : { job }) })) {
    latest.add(page.changes)
    untilMs = page.nowMs
  }

  const { changes, truncated } = latest.take()
  const first = truncated ? changes[0]!.atMs : windowOf(changes)?.fromMs ?? untilMs

  return { fromMs: Math.min(untilMs, withinMs == null || job != null || truncated ? first : untilMs - withinMs), untilMs, changes, truncated }
}

/** What the workers did in a time, as one master has seen it. Times are milliseconds since 1970. */
export class Profile {
  readonly fromMs: number
  readonly untilMs: number
  /** States of the workers at the beginning, then every change, and the executions that have ended, as it became known. */
  readonly changes: readonly ProfileChange[]
  /** There was more than what was asked for: the time begins later. */
  readonly truncated: boolean
  #workers?: Activity[]

  /** @internal */
  constructor ({ fromMs, untilMs, changes, truncated }: Recorded & { truncated: boolean }) {
    this.fromMs = fromMs
    this.untilMs = untilMs
    this.changes = changes
    this.truncated = truncated
  }

  /** For each worker, by name: its states one after the other, what it ran, and how long it was busy. */
  get workers (): Activity[] {
    this.#workers ??= activitiesOf(this.changes, this)

    return this.#workers
  }

  /** As `meshmark profile --format` writes it; the JSON is what `meshmark plot --profile` reads. */
  text (format: 'json' | 'ndjson' | 'csv' = 'json'): string {
    switch (format) {
      case 'json': return renderProfile({ fromMs: this.fromMs, untilMs: this.untilMs, changes: [...this.changes] })
      case 'ndjson': return this.changes.map(profileNdjsonLine).join('')
      case 'csv': return PROFILE_CSV_HEADING + this.changes.map(profileCsvLine).join('')
    }
  }
}
