import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { executionId, shortJobId } from '../../model/ids.ts'
import { payloadSize } from '../../model/payload.ts'
import { formatBytes } from '../../model/units.ts'
import type { Coordinator } from './coordinator.ts'
import type { Payloads } from './payloads.ts'
import type { Uploads } from './uploads.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { ContentReader } from '../../store/content-reader.ts'
import type { ContentStore } from '../../store/content.ts'
import type { Journal } from '../../store/journal.ts'

/** Of all files that the tasks of one job bring back; beyond, their records are kept without. */
const MAX_JOB_BYTES = 8 * 1024 ** 3

const FILES = 'local/files/'

export interface CollectedFilesComponents {
  content: ContentStore
  journal: Journal
  uploads: Uploads
  payloads: Pick<Payloads, 'ensure'>
  coordinator: Pick<Coordinator, 'state'>
  log: (line: string) => void
}

/**
 * What tasks have brought back, in the store of payloads. Those of unfinished
 * jobs are pinned there; those of finished ones stay until their job is
 * removed, or until there is no room: what was not used for longest goes first.
 * Of this master alone, in its journal:
 *
 *   local/files/<job>/<payload>   that it was here, and how many bytes it has
 */
export class CollectedFiles {
  readonly #components: CollectedFilesComponents
  /** Bytes by payload, of each unfinished job. */
  readonly #held = new Map<string, Map<string, number>>()

  constructor (components: CollectedFilesComponents) {
    this.#components = components
  }

  /** Takes up what unfinished jobs have brought back before; when those are known, and before anything is taken in. */
  async load (): Promise<void> {
    const { journal, coordinator } = this.#components

    for await (const { key, value } of journal.iterate(FILES)) {
      const [job = '', payload = ''] = key.slice(FILES.length).split('/')

      if (coordinator.state.jobs.has(job) && this.#isOpen(job)) {
        this.#hold(job, payload, bytesOf(value))
      }
    }
  }

  /**
   * Must the worker give the files of this record, before it is kept? False
   * when they are here, or there is no room that they could ever have: better
   * the record without them than none. Rejects when the disk is full: that may
   * be over in a while.
   */
  async isWanted (result: ExecutionResult): Promise<boolean> {
    const { content, uploads, log } = this.#components
    const { job, worker } = result.key
    const manifest = result.collected?.payload

    if (manifest == null) {
      return false
    }

    if (await content.has(manifest.id)) {
      uploads.forget(manifest.id, worker)
      await this.#note(job, manifest)

      return false
    }

    const problem = await this.#problem(job, manifest)

    if (problem != null) {
      log(`files of execution ${executionId(result.key)} are not kept: ${problem}`)

      return false
    }

    uploads.expect(manifest.id, worker)

    return true
  }

  /** From here or from another master. Rejects with `failed` when nobody has them. */
  async open (result: ExecutionResult): Promise<ContentReader> {
    const { content, payloads } = this.#components
    const manifest = result.collected?.payload

    if (manifest == null) {
      throw new MeshmarkError('usage', 'this task has brought no files back')
    }

    const wasHere = await content.has(manifest.id)

    if (!wasHere && !await payloads.ensure(manifest.id)) {
      throw new MeshmarkError('failed', `no live master has the files of job ${shortJobId(result.key.job)} from worker ${result.key.worker.slice(-8)} any more: there was no room for them (--payload-store of the masters)`)
    }

    if (!wasHere) {
      await this.#note(result.key.job, manifest)
    }

    return content.open(manifest.id)
  }

  /** The job is over: its files may go when there is no room. */
  release (job: string): void {
    for (const payload of this.#held.get(job)?.keys() ?? []) {
      this.#components.content.unpin(payload, holderOf(job))
    }

    this.#held.delete(job)
  }

  /** Bytes that are kept of a job. */
  async bytesOf (job: string): Promise<number> {
    let bytes = 0

    for await (const { value } of this.#components.journal.iterate(`${FILES}${job}/`)) {
      bytes += bytesOf(value)
    }

    return bytes
  }

  /** The job is removed, and its files with it, unless another one has brought back the very same. */
  async removeOf (job: string): Promise<void> {
    const { journal, content } = this.#components
    const payloads: string[] = []

    this.release(job)

    for await (const { key } of journal.iterate(`${FILES}${job}/`)) {
      payloads.push(key.slice(FILES.length + job.length + 1))
      await journal.del(key)
    }

    if (payloads.length === 0) {
      return
    }

    const elsewhere = new Set<string>()

    for await (const { key } of journal.iterate(FILES)) {
      elsewhere.add(key.split('/').at(-1) ?? '')
    }

    for (const id of payloads.filter(id => !elsewhere.has(id))) {
      await content.drop(id)
    }
  }

  #isOpen (job: string): boolean {
    return this.#components.coordinator.state.jobs.get(job)?.finishedAtMs == null
  }

  #hold (job: string, payload: string, bytes: number): void {
    this.#components.content.pin(payload, holderOf(job))
    this.#held.set(job, (this.#held.get(job) ?? new Map<string, number>()).set(payload, bytes))
  }

  async #note (job: string, manifest: PayloadManifest): Promise<void> {
    if (this.#isOpen(job)) {
      this.#hold(job, manifest.id, payloadSize(manifest))
    }

    await this.#components.journal.put(`${FILES}${job}/${manifest.id}`, Buffer.from(String(payloadSize(manifest))), { durable: true })
  }

  async #problem (job: string, manifest: PayloadManifest): Promise<string | undefined> {
    const held = this.#held.get(job)
    const bytes = [...held?.values() ?? []].reduce((sum, bytes) => sum + bytes, payloadSize(manifest))

    if (bytes > MAX_JOB_BYTES && held?.has(manifest.id) !== true) {
      return `the job would have ${formatBytes(bytes)} of them, and ${formatBytes(MAX_JOB_BYTES)} are the most`
    }

    // while it comes, and until the job is over
    this.#hold(job, manifest.id, payloadSize(manifest))

    try {
      await (await this.#components.content.begin(manifest)).abort()
    } catch (err) {
      if (!isMeshmarkError(err) || err.code !== 'quota') {
        throw err
      }

      this.#held.get(job)?.delete(manifest.id)
      this.#components.content.unpin(manifest.id, holderOf(job))

      return err.message
    }
  }
}

function holderOf (job: string): string {
  return `files of ${job}`
}

function bytesOf (value: Uint8Array): number {
  return Number(Buffer.from(value).toString()) || 0
}
