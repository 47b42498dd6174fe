import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CHUNK_SIZE } from '../../../model/payload.ts'
import { manifestId, validateManifest } from '../../../node/payload/manifest.ts'
import { openPrivate } from '../../../store/files.ts'
import type { PayloadFile, PayloadManifest } from '../../../model/payload.ts'
import type { ContentStore } from '../../../store/content.ts'
import type { FileHandle } from 'node:fs/promises'

/** What the name of a file begins with that is only there while a build is taken in. */
export const INCOMING = 'incoming-'

/**
 * Takes in what a build has left, file by file as it comes out of its box, and
 * makes a payload of it: nothing of it is ever a file of its own outside of a
 * box.
 */
export class ProductFiles {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #files: PayloadFile[] = []
  #bytes = 0

  private constructor (path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  /** @param dir - of the worker */
  static async create (dir: string): Promise<ProductFiles> {
    const path = join(dir, `${INCOMING}${randomBytes(8).toString('hex')}`)

    return new ProductFiles(path, await openPrivate(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL))
  }

  begin (file: PayloadFile): void {
    this.#files.push(file)
  }

  async append (data: Uint8Array): Promise<void> {
    await this.#handle.writeFile(data)
    this.#bytes += data.byteLength
  }

  /** Resolves with its manifest when the store has it. */
  async keep (store: ContentStore): Promise<PayloadManifest> {
    const chunks: Uint8Array[] = []

    for (let at = 0; at < this.#bytes; at += CHUNK_SIZE) {
      chunks.push(createHash('sha256').update(await this.#read(at)).digest())
    }

    const content = { files: this.#files, chunkSize: CHUNK_SIZE, chunks }
    const manifest = { id: manifestId(content), ...content }

    validateManifest(manifest)

    const incoming = await store.begin(manifest)

    try {
      for (const index of incoming.missing) {
        await incoming.write(index, await this.#read(index * CHUNK_SIZE))
      }

      await incoming.finish()
    } finally {
      await incoming.abort()
    }

    return manifest
  }

  /** Nothing is left but what was kept. */
  async close (): Promise<void> {
    await this.#handle.close()
    await rm(this.#path, { force: true })
  }

  async #read (at: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunk = new Uint8Array(Math.min(CHUNK_SIZE, this.#bytes - at))

    for (let read = 0; read < chunk.byteLength;) {
      const { bytesRead } = await this.#handle.read(chunk, read, chunk.byteLength - read, at + read)

      if (bytesRead === 0) {
        throw new Error('what a build left is shorter than it was')
      }

      read += bytesRead
    }

    return chunk
  }
}
