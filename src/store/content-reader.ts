import { constants } from 'node:fs'
import { MeshmarkError } from '../model/errors.ts'
import { chunkLength, isConsistent, openData, readFully, readStoredManifest } from './content-files.ts'
import { matches } from './digest.ts'
import type { PayloadFile, PayloadManifest } from '../model/payload.ts'
import type { FileHandle } from 'node:fs/promises'

export interface ContentReaderInit {
  onClose: () => void
  /** When this file, as it is, was last found whole; see `stampOf`. */
  verified: () => { stamp: string, atMs: number } | undefined
  onVerified: (stamp: string) => void
  onDamage: (reason: string) => Promise<void>
}

/** A disk may forget. */
const VERIFIED_MS = 10 * 60 * 1_000

/** Which file it is and when it was last written to, as the kernel tells it. */
export async function stampOf (file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })

  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** A complete payload. Every chunk is verified again as it is read: a disk may forget. */
export class ContentReader {
  readonly manifest: PayloadManifest
  readonly #init: ContentReaderInit
  readonly #file: FileHandle
  /** Many small files share a chunk. */
  #cached?: { index: number, chunk: Promise<Uint8Array> }
  #closing?: Promise<void>

  private constructor (manifest: PayloadManifest, init: ContentReaderInit, file: FileHandle) {
    this.manifest = manifest
    this.#init = init
    this.#file = file
  }

  /** Throws a plain Error when what is in the folder is not the payload. */
  static async open (dir: string, id: string, init: ContentReaderInit): Promise<ContentReader> {
    const manifest = await readStoredManifest(dir, id)

    if (!isConsistent(manifest)) {
      throw new Error('the stored manifest contradicts itself')
    }

    return new ContentReader(manifest, init, await openData(dir, constants.O_RDONLY))
  }

  async readChunk (index: number): Promise<Uint8Array> {
    if (this.manifest.chunks[index] == null) {
      throw new MeshmarkError('not-found', `payload ${this.manifest.id.slice(0, 12)} has no chunk ${index}: there are ${this.manifest.chunks.length}`)
    }

    if (this.#cached?.index !== index) {
      this.#cached = { index, chunk: this.#readVerified(index) }
    }

    return this.#cached.chunk
  }

  /** The content of one file, in pieces of at most a chunk. The pieces must not be written to. */
  async * readFile (path: string): AsyncGenerator<Uint8Array> {
    const { chunkSize } = this.manifest
    const { start, size } = this.#locate(path)
    const end = start + size

    for (let pos = start; pos < end;) {
      const index = Math.floor(pos / chunkSize)
      const chunk = await this.readChunk(index)
      const from = pos - index * chunkSize
      const piece = chunk.subarray(from, Math.min(chunk.byteLength, from + end - pos))

      yield piece
      pos += piece.byteLength
    }
  }

  /**
   * A descriptor of all files' contents, one after the other, until `close`.
   * Rejects as `readChunk` does. What was found whole a short while ago, and has
   * not been written to since, is not read again.
   */
  async descriptor (): Promise<number> {
    const stamp = await stampOf(this.#file)
    const verified = this.#init.verified()

    if (verified?.stamp !== stamp || performance.now() - verified.atMs > VERIFIED_MS) {
      for (const index of this.manifest.chunks.keys()) {
        await this.#readVerified(index)
      }

      this.#init.onVerified(stamp)
    }

    return this.#file.fd
  }

  /** Idempotent. */
  async close (): Promise<void> {
    this.#closing ??= this.#file.close().finally(() => { this.#init.onClose() })

    return this.#closing
  }

  #locate (path: string): { start: number, size: number } {
    let start = 0

    for (const file of this.manifest.files) {
      if (file.path === path) {
        return { start, size: file.size }
      }

      start += file.size
    }

    throw new MeshmarkError('not-found', `payload ${this.manifest.id.slice(0, 12)} has no file ${path}: it has ${list(this.manifest.files)}`)
  }

  async #readVerified (index: number): Promise<Uint8Array> {
    const { id, chunks, chunkSize } = this.manifest
    const chunk = new Uint8Array(chunkLength(this.manifest, index))
    const read = await readFully(this.#file, chunk, index * chunkSize)

    if (!read || !matches(chunk, chunks[index])) {
      const reason = `chunk ${index} ${read ? 'does not match its digest' : 'is cut short'}`

      await this.#init.onDamage(reason)
      throw new MeshmarkError('failed', `payload ${id.slice(0, 12)} was damaged in the store and must be fetched again: ${reason}`)
    }

    return chunk
  }
}

function list (files: PayloadFile[]): string {
  return files.length === 0 ? 'none' : `${files.slice(0, 5).map(({ path }) => path).join(', ')}${files.length > 5 ? ', …' : ''}`
}
