import { MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import type { CoordinatorState, JobEntry } from './coordinator/state.ts'

export interface Asker {
  peerId: string
  /** An administrator sees every job. */
  admin: boolean
}

/**
 * The one job that is meant: an id, a unique suffix of one, a --name (the
 * latest of that name), or @last. Throws a MeshmarkError: `usage` when nothing
 * or more than one fits, `refused` when it is somebody else's.
 */
export function findJob (state: CoordinatorState, selector: string, asker: Asker): JobEntry {
  const own = [...state.jobs.values()].filter(entry => asker.admin || entry.job.client === asker.peerId)
  const found = select(own, selector)

  if (found.length === 1) {
    return found[0]!
  }

  if (found.length > 1) {
    throw new MeshmarkError('usage', `'${selector}' fits ${found.length} jobs: give more characters (${found.slice(0, 5).map(entry => entry.job.id.toLowerCase()).join(', ')})`)
  }

  if (selector !== '@last' && select([...state.jobs.values()], selector).length > 0) {
    throw new MeshmarkError('refused', `job '${selector}' belongs to another client: only that client or an administrator may read or steer it`)
  }

  throw new MeshmarkError('usage', selector === '@last' ? 'you have not submitted a job to this mesh yet' : `no job '${selector}': see meshmark jobs`)
}

function select (entries: JobEntry[], selector: string): JobEntry[] {
  if (selector === '@last') {
    return latest(entries)
  }

  const wanted = selector.toUpperCase()
  const byId = wanted.length < 4 ? [] : entries.filter(entry => entry.job.id.endsWith(wanted))

  return byId.length > 0 ? byId : latest(entries.filter(entry => entry.job.name === selector))
}

function latest (entries: JobEntry[]): JobEntry[] {
  return entries.length === 0 ? [] : [entries.reduce((a, b) => a.acceptedAtMs > b.acceptedAtMs || (a.acceptedAtMs === b.acceptedAtMs && shortJobId(a.job.id) > shortJobId(b.job.id)) ? a : b)]
}
