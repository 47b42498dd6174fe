import { randomUUID } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError, toError } from '../../model/errors.ts'
import { MAX_SKIPPED } from '../../model/collect.ts'
import { packFiles } from '../../node/payload/pack.ts'
import { ensurePrivateDir, explainDiskFull } from '../../store/files.ts'
import type { Collected } from '../../model/collect.ts'
import type { PackedPayload } from '../../node/payload/pack.ts'
import type { BoxEvent } from '../../sandbox/index.ts'
import type { ContentStore } from '../../store/content.ts'
import type { FileHandle } from 'node:fs/promises'

interface Kept {
  source: string
  path: string
  executable: boolean
}

/**
 * Files on their way from a box into a store: into files of their own first,
 * since what a payload is called is known when all of it has come. A box has
 * been looked at by then, but for what these files are and say: they are
 * somebody's bytes, read by nobody here.
 */
export class Collection {
  readonly #dir: string
  readonly #folders: boolean
  readonly #files: Kept[] = []
  #open?: FileHandle
  /** Of the last file, to come. */
  #left = 0
  #made?: Promise<string | undefined>
  /** Nothing more is kept, and why. */
  #failure?: string

  /**
   * @param root - a private folder
   * @param folders - files of several commands: each has a folder of its own, `1` for the first
   */
  constructor (root: string, folders: boolean) {
    this.#dir = join(root, randomUUID())
    this.#folders = folders
  }

  /** In the order in which they come. Never rejects: what cannot be kept is said by `finish`. */
  async take (event: Extract<BoxEvent, { kind: 'file' | 'content' }>): Promise<void> {
    if (this.#failure != null) {
      return
    }

    try {
      if (event.kind === 'content') {
        await this.#open?.writeFile(event.data)
        this.#left -= event.data.byteLength
        return
      }

      const { command, path, size, executable } = event
      const source = join(this.#dir, String(this.#files.length))

      await (this.#made ??= ensurePrivateDir(this.#dir).then(() => undefined))
      await this.#open?.close()
      this.#open = undefined
      this.#open = await open(source, 'wx', 0o600)
      this.#left = size
      this.#files.push({ source, path: this.#folders ? `${command + 1}/${path}` : path, executable })
    } catch (err) {
      this.#failure = toError(explainDiskFull(err, this.#dir)).message
    }
  }

  /**
   * Puts all of it into the store as one payload, on its disk when this
   * resolves, and pinned there by `holder`. Never rejects.
   *
   * @param skipped - what was left out before
   */
  async finish (content: ContentStore, holder: string, skipped: readonly string[]): Promise<Collected> {
    try {
      if (this.#failure != null) {
        throw new MeshmarkError('failed', this.#failure)
      }

      const said = [...skipped]

      if (this.#left > 0) {
        said.push(`${this.#files.pop()?.path}: the box ended before all of it had come`)
      }

      if (this.#files.length === 0) {
        return { skipped: said }
      }

      await this.#open?.close()
      this.#open = undefined

      const packed = await packFiles(this.#files)

      try {
        await keep(packed, content, holder)
      } finally {
        await packed.close()
      }

      return { payload: packed.manifest, skipped: said.slice(0, MAX_SKIPPED) }
    } catch (err) {
      return { skipped: [...skipped.slice(0, MAX_SKIPPED - 1), `none of ${this.#files.length} files could be kept on the worker: ${toError(err).message}`] }
    } finally {
      await this.discard()
    }
  }

  /** Idempotent. */
  async discard (): Promise<void> {
    await this.#open?.close().catch(() => {})
    this.#open = undefined
    await rm(this.#dir, { recursive: true, force: true }).catch(() => {})
  }
}

async function keep ({ manifest, readChunk }: PackedPayload, content: ContentStore, holder: string): Promise<void> {
  content.pin(manifest.id, holder)

  try {
    const incoming = await content.begin(manifest)

    try {
      for (const index of incoming.missing) {
        await incoming.write(index, await readChunk(index))
      }

      await incoming.finish()
    } finally {
      await incoming.abort()
    }
  } catch (err) {
    content.unpin(manifest.id, holder)
    throw err
  }
}
