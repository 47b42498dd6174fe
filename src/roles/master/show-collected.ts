import { MeshmarkError } from '../../model/errors.ts'
import { executionId } from '../../model/ids.ts'
import { itemsJobView, jobView } from './views.ts'
import type { CollectedFiles } from './collected-files.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { SubmitReply } from '../../node/protocol/submit/messages.ts'

export interface CollectedComponents {
  coordinator: Pick<Coordinator, 'state'>
  jobs: Pick<JobStore, 'eachResult' | 'result'>
  files: Pick<CollectedFiles, 'open'>
}

/** Every record that has brought files back, or should have. */
export async function * collectedRecords ({ jobs, coordinator: { state } }: CollectedComponents, entry: JobEntry): AsyncGenerator<SubmitReply> {
  for await (const { key, collected } of jobs.eachResult(entry.job.id)) {
    const { info } = entry.tasks.get(key.task) ?? {}

    if (collected != null) {
      yield { kind: 'files', execution: executionId(key), workerName: (info?.peerId === key.worker ? info : state.workers.get(key.worker)?.info)?.name ?? key.worker.slice(-8), collected }
    }
  }

  yield { kind: 'end', view: entry.job.each == null ? jobView(entry) : itemsJobView(entry, true) }
}

/** The contents of what one execution has brought back, from this chunk on, up to the last one. */
export async function * collectedChunks ({ jobs, files }: CollectedComponents, execution: string, from: number): AsyncGenerator<SubmitReply> {
  const result = await jobs.result(execution)

  if (result == null) {
    throw new MeshmarkError('failed', `there is no record of execution ${execution} here`)
  }

  const source = await files.open(result)

  try {
    for (let index = from; index < source.manifest.chunks.length; index++) {
      yield { kind: 'chunk', index, data: await source.readChunk(index) }
    }
  } finally {
    await source.close()
  }
}
