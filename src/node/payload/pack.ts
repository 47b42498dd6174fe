import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { MeshmarkError } from '../../model/errors.ts'
import { chunkSizeFor, MAX_FILES } from '../../model/payload.ts'
import { digestFiles } from './chunk-digests.ts'
import { isUsablePath, manifestId, validateManifest } from './manifest.ts'
import { changedError, isUnchanged, openSource, readAt } from './source-file.ts'
import { contentSize } from './source.ts'
import type { Packed } from './chunk-digests.ts'
import type { KnownDigests } from './known-digests.ts'
import type { FileToPack } from './source.ts'
import type { PayloadManifest } from '../../model/payload.ts'
import type { FileHandle } from 'node:fs/promises'

export interface PackedPayload {
  manifest: PayloadManifest
  /** Reads it from the files again; rejects when they have changed since. */
  readChunk: (index: number) => Promise<Uint8Array>
  /** Idempotent. */
  close: () => Promise<void>
}

/**
 * Describes files as a payload without copying them: each is read once now, for
 * the digests, and again when its chunks are sent. The same files give the same
 * id in whatever order they are named.
 *
 * @param known - large files that are in it are not read for their digests
 */
export async function packFiles (files: FileToPack[], known?: KnownDigests): Promise<PackedPayload> {
  if (files.length > MAX_FILES) {
    throw new MeshmarkError('usage', `${files.length} files are more than a payload holds (${MAX_FILES}): pack them into one archive`)
  }

  const chunkSize = chunkSizeFor(await sizeOf(files))
  const sorted = [...files].sort((a, b) => a.path < b.path ? -1 : 1)
  const unusable = sorted.find(({ path }) => !isUsablePath(path))

  if (unusable != null) {
    throw new MeshmarkError('usage', `'${unusable.path}' cannot be a file of the payload: use a relative path without .., backslashes or very long names`)
  }

  const { packed, described, chunks } = await digestFiles(sorted, chunkSize, known)
  const content = { files: described, chunkSize, chunks }
  const manifest = { id: manifestId(content), ...content }

  // what two files of one name or a file and a folder of one name would be
  try {
    validateManifest(manifest)
  } catch (err) {
    throw new MeshmarkError('usage', (err as Error).message, { cause: err })
  }

  return new PackedFiles(manifest, packed)
}

/** As far as they can be read; what is wrong with one is said when it is. */
async function sizeOf (files: FileToPack[]): Promise<number> {
  const sizes = await Promise.all(files.map(async ({ source }) => typeof source === 'string' ? stat(source).then(({ size }) => size, () => 0) : contentSize(source)))

  return sizes.reduce((sum, size) => sum + size, 0)
}

class PackedFiles implements PackedPayload {
  readonly manifest: PayloadManifest
  readonly #files: Packed[]
  /** The file read last: chunks are mostly asked for in order. */
  #open?: { file: Packed, handle: FileHandle }
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor (manifest: PayloadManifest, files: Packed[]) {
    this.manifest = manifest
    this.#files = files
  }

  readChunk = async (index: number): Promise<Uint8Array> => this.#inTurn(async () => {
    const digest = this.manifest.chunks[index]

    if (digest == null || this.#closed) {
      throw new Error(this.#closed ? 'the packed payload is closed' : `no chunk ${index}`)
    }

    const { chunkSize } = this.manifest
    const start = index * chunkSize
    const end = Math.min(start + chunkSize, this.#bytes())
    const chunk = new Uint8Array(end - start)
    const parts = this.#files.filter(file => file.size > 0 && file.start < end && file.start + file.size > start)

    for (const file of parts) {
      const from = Math.max(start, file.start)
      const to = Math.min(end, file.start + file.size)

      await this.#read(file, chunk.subarray(from - start, to - start), from - file.start)
    }

    if (!createHash('sha256').update(chunk).digest().equals(digest)) {
      throw changedError(String(parts.map(({ source }) => typeof source === 'string' ? source : 'given content').join(' or ')))
    }

    return chunk
  })

  close = async (): Promise<void> => this.#inTurn(async () => {
    this.#closed = true
    await this.#open?.handle.close()
    this.#open = undefined
  })

  #bytes (): number {
    const last = this.#files.at(-1)

    return last == null ? 0 : last.start + last.size
  }

  async #read (file: Packed, into: Uint8Array, position: number): Promise<void> {
    if (file.source instanceof Uint8Array) {
      into.set(file.source.subarray(position, position + into.byteLength))
      return
    }

    if (typeof file.source !== 'string') {
      await file.source.read(into, position)
      return
    }

    const handle = await this.#handle(file, file.source)

    if (await readAt(handle, into, position) < into.byteLength) {
      throw changedError(file.source)
    }
  }

  async #handle (file: Packed, source: string): Promise<FileHandle> {
    if (this.#open?.file !== file) {
      await this.#open?.handle.close()
      this.#open = undefined
      this.#open = { file, handle: await openSource(source) }
    }

    if (!isUnchanged(file.seen, await this.#open.handle.stat({ bigint: true }))) {
      throw changedError(source)
    }

    return this.#open.handle
  }

  async #inTurn<T> (work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)

    this.#turn = turn.catch(() => {})

    return turn
  }
}
