import { jobFilter } from './job-filter.ts'
import { filteredJob, jobRow } from './views.ts'
import type { Archive } from './archive.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry } from './coordinator/state.ts'
import type { Asker } from './find-job.ts'
import type { KnownJobs } from './known-jobs.ts'
import type { JobRow, SubmitRequest } from '../../node/protocol/submit/messages.ts'

export interface ListComponents {
  coordinator: Pick<Coordinator, 'state'>
  archive: Archive
}

/** The latest jobs that the asker may see and wants, the latest first. */
export async function * listJobs ({ coordinator: { state }, archive }: ListComponents, known: KnownJobs, { limit, ...filter }: Extract<SubmitRequest, { kind: 'jobs' }>, asker: Asker): AsyncGenerator<JobRow> {
  const nowMs = Date.now()
  const sinceMs = nowMs - (filter.withinMs ?? Infinity)
  const isWanted = jobFilter(filter, nowMs)
  const inMemory = [...state.jobs.values()]
    .filter(entry => known.isVisible(entry.job.client, asker) && isWanted(filteredJob(entry)))
    .sort((a, b) => b.acceptedAtMs - a.acceptedAtMs)
  let left = limit
  let at = 0

  // the finished ones come in order, so both are merged as they are sent
  for (const job of archive.latest()) {
    const { id, client, acceptedAtMs } = job

    if (left === 0) {
      return
    }

    if (acceptedAtMs < sinceMs) {
      break
    }

    if (!known.isVisible(client, asker) || !isWanted(job) || state.jobs.has(id)) {
      continue
    }

    for (; left > 0 && at < inMemory.length && inMemory[at]!.acceptedAtMs >= acceptedAtMs; left--) {
      yield rowOf(inMemory[at++]!, asker, known)
    }

    const row = left === 0 ? undefined : await archive.row(id, asker.peerId)

    if (row != null) {
      left--
      yield { ...row, mine: known.isOwn(client, asker) }
    }
  }

  for (const entry of inMemory.slice(at, at + left)) {
    yield rowOf(entry, asker, known)
  }
}

function rowOf (entry: JobEntry, asker: Asker, known: KnownJobs): JobRow {
  return { ...jobRow(entry, asker.peerId), mine: known.isOwn(entry.job.client, asker) }
}
