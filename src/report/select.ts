import { MeshmarkError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'

/** How many names an error spells out. */
const MAX_NAMES = 20

/**
 * The job as if the worker of this name, or of this peer id, were its only
 * one. Throws `usage` when there is none, or when several have the name.
 */
export function onlyWorker (finished: FinishedJob, name: string): FinishedJob {
  const found = finished.workers.filter(({ info }) => info.name === name || (name !== '' && info.peerId === name))
  const [worker] = found

  if (worker == null) {
    const names = [...new Set(finished.workers.map(({ info }) => printable(info.name, 60)))]
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''

    throw new MeshmarkError('usage', `--worker '${name}' has no part in this job: ${names.length === 0 ? 'no worker has' : `these have: ${names.slice(0, MAX_NAMES).join(', ')}${more}`}`)
  }

  // of a map, each entry of its list
  if (found.every(({ info }) => info.peerId === worker.info.peerId)) {
    return withWorkers(finished, found)
  }

  throw new MeshmarkError('usage', `--worker '${name}' is the name of ${found.length} workers of this job: name one by its peer id, ${found.map(({ info }) => info.peerId).slice(0, MAX_NAMES).join(' or ')}`)
}

/** The job as if these, all of one worker, were all of it; nobody started together with it then. */
export function withWorkers ({ startSkewNs: _, ...finished }: FinishedJob, workers: FinishedWorker[]): FinishedJob {
  return { ...finished, workers }
}
