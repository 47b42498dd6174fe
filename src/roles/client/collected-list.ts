import { MeshmarkError } from '../../model/errors.ts'
import { parseExecutionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { filesOf, foldersOf } from './save-collected.ts'
import type { Asking, Client, CollectedRecord } from './types.ts'
import type { JobView } from '../../node/protocol/submit/messages.ts'

/** A file that a task has brought back, before its content is fetched. */
export interface CollectedEntry {
  /** As `meshmark collect` would call it below its folder: `WORKER/out/result.txt`. No two of a job have the same. */
  path: string
  /** Name of the worker on which it was made. */
  worker: string
  peerId: string
  task: string
  /** From 0. */
  attempt: number
  /** Bytes. */
  size: number
  executable: boolean
  /** Where it is: what it was brought back with, and the first byte of it there. */
  record: CollectedRecord
  offset: number
}

export interface CollectedList {
  /** Lists are long where a job has many items. */
  entries: () => Generator<CollectedEntry, void, undefined>
  /** What was left out, in words. */
  skipped: Array<{ worker: string, peerId: string, task: string, reasons: string[] }>
  /** Tasks that may still bring something back. */
  open: number
}

/** What the tasks of a job have brought back so far. Throws `usage` for a job that brings nothing back. */
export async function listCollected (client: Pick<Client, 'collected'>, selector: string, { signal }: Asking = {}): Promise<CollectedList> {
  const { view, records } = await client.collected(selector, { signal })

  if (view.job.collect == null) {
    throw new MeshmarkError('usage', `job ${selector} brings no files back: it was submitted without collect`)
  }

  const folders = foldersOf(view.job, records)

  return {
    entries: function * () {
      for (const [index, record] of records.entries()) {
        yield * entriesOf(record, folders[index]!)
      }
    },
    skipped: records.filter(({ skipped }) => skipped.length > 0).map(({ execution, workerName, skipped }) => {
      const { worker, task } = parseExecutionId(execution)

      return { worker: workerName, peerId: worker, task, reasons: skipped }
    }),
    open: openTasks(view)
  }
}

/** The content of one of them, each chunk verified; memory holds one. */
export async function * readCollected (client: Pick<Client, 'collectedChunks'>, { record, offset, size, path }: CollectedEntry, { signal }: Asking = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const chunkSize = record.payload?.chunkSize ?? 1
  const from = Math.floor(offset / chunkSize)
  let skip = offset - from * chunkSize
  let left = size

  if (left === 0) {
    return
  }

  for await (const chunk of client.collectedChunks(record, { from, signal })) {
    const piece = chunk.subarray(skip, skip + left)

    skip = Math.max(0, skip - chunk.byteLength)
    left -= piece.byteLength
    yield piece

    if (left === 0) {
      return
    }
  }

  throw new MeshmarkError('failed', `${path} ended early`)
}

function * entriesOf (record: CollectedRecord, folder: string): Generator<CollectedEntry> {
  const { worker, task, attempt } = parseExecutionId(record.execution)
  let offset = 0

  for (const { path, size, executable } of filesOf(record)) {
    yield { path: `${folder}/${path}`, worker: record.workerName, peerId: worker, task, attempt, size, executable, record, offset }
    offset += size
  }
}

function openTasks ({ tasks, counts = [] }: JobView): number {
  return tasks.filter(({ state }) => !isTaskEnd(state)).length + counts.filter(({ state }) => !isTaskEnd(state)).reduce((sum, { count }) => sum + count, 0)
}
