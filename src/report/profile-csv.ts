import { foreign } from './csv.ts'
import { changeRecord } from './profile-file.ts'
import type { ProfileChange } from '../model/profile.ts'

const KEYS = ['at', 'kind', 'worker', 'peer_id', 'state', 'slots', 'outcome', 'started_at', 'ended_at', 'job', 'task']

/** The first line of a recording as CSV. */
export const PROFILE_CSV_HEADING = `${KEYS.join(',')}\n`

/** A line for one change; what does not apply to it is empty. */
export function profileCsvLine (change: ProfileChange): string {
  const record = changeRecord(change)

  return `${KEYS.map(key => foreign(String(record[key] ?? ''))).join(',')}\n`
}

/** And one of NDJSON. */
export function profileNdjsonLine (change: ProfileChange): string {
  return `${JSON.stringify(changeRecord(change))}\n`
}
