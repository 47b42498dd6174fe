import { constants } from 'node:fs'
import { MeshmarkError } from '../model/errors.ts'
import { payloadSize } from '../model/payload.ts'
import { chunkLength, openData, readFully, writeFully, writeStoredManifest } from './content-files.ts'
import { stampOf } from './content-reader.ts'
import { matches } from './digest.ts'
import { ensurePrivateDir, explainDiskFull, syncDir } from './files.ts'
import type { Bytes } from './digest.ts'
import type { PayloadManifest } from '../model/payload.ts'
import type { FileHandle } from 'node:fs/promises'

/** One of those who bring a payload. */
export interface IncomingContent {
  /** Numbers of the chunks that were missing when it began. */
  readonly missing: number[]
  /** Any order. Throws a ChunkMismatchError when the bytes are not that chunk; nothing of it is kept then. Who follows has it at once; resolves when it is written. */
  take: (index: number, bytes: Bytes) => Promise<void>
  /** As `take`, but rejects instead of throwing. */
  write: (index: number, bytes: Bytes) => Promise<void>
  /** Resolves when the whole payload can be opened, and is on the disk as far as the store promises it; rejects when chunks are still missing. */
  finish: () => Promise<void>
  /** Gives up. What has been verified stays for the next attempt. Idempotent, and harmless after finish. */
  abort: () => Promise<void>
}

/** Content that is read while it arrives; complete content is read the same way. */
export interface ArrivingContent {
  readonly manifest: PayloadManifest
  /** Of those chunks, one that is here; waits for it where none is. Undefined when none of them will come any more. */
  next: (wanted: ReadonlySet<number>, signal?: AbortSignal) => Promise<number | undefined>
  /** Verified, and here: see `next`. The bytes must not be written to. */
  readChunk: (index: number) => Promise<Bytes>
  /** How many chunks are here, now and whenever one more is, until the listening ends. */
  onChunks: (listener: (chunks: number) => void) => () => void
  /** Idempotent. */
  close: () => Promise<void>
}

/** The sender lied, or something damaged the chunk on its way. */
export class ChunkMismatchError extends MeshmarkError {
  static override name = 'ChunkMismatchError'
  override name = 'ChunkMismatchError'

  constructor (payload: string, readonly index: number, what: string) {
    super('failed', `chunk ${index} of payload ${payload.slice(0, 12)} ${what}`)
  }
}

export interface ContentWriterInit {
  /** Whether `finish` waits until the disk has it all; otherwise that follows at once. */
  durable: boolean
  /** Everything is there, and its file has this stamp: make it visible. */
  onComplete: (stamp: string) => Promise<void>
  /** Nobody writes any more. */
  onIdle: () => void
}

/** Of a payload that must be on the disk: how often the disk is asked while it comes. */
const SYNC_BYTES = 8 * 1024 * 1024

/** Of chunks, kept in memory for those who pass them on at the pace at which they come. */
const RECENT_BYTES = 4 * 1024 * 1024

/** Numbers of the chunks that are not in the folder as they should be. A folder that is not there has none. */
export async function missingChunks (dir: string, manifest: PayloadManifest): Promise<number[]> {
  let file: FileHandle

  try {
    file = await openData(dir, constants.O_RDONLY)
  } catch (err: any) {
    if (err.code === 'ENOENT') {
      return manifest.chunks.map((_, index) => index)
    }

    throw err
  }

  try {
    return await verifyChunks(file, manifest)
  } finally {
    await file.close()
  }
}

async function readVerified (file: FileHandle, manifest: PayloadManifest, index: number): Promise<Uint8Array> {
  const chunk = new Uint8Array(chunkLength(manifest, index))

  if (!await readFully(file, chunk, index * manifest.chunkSize) || !matches(chunk, manifest.chunks[index])) {
    throw new MeshmarkError('failed', `payload ${manifest.id.slice(0, 12)} was damaged in the store: chunk ${index}`)
  }

  return chunk
}

async function verifyChunks (file: FileHandle, manifest: PayloadManifest): Promise<number[]> {
  const { size } = await file.stat()
  const buffer = new Uint8Array(Math.min(manifest.chunkSize, payloadSize(manifest)))
  const missing: number[] = []

  for (const [index, digest] of manifest.chunks.entries()) {
    const chunk = buffer.subarray(0, chunkLength(manifest, index))
    const position = index * manifest.chunkSize

    if (position + chunk.byteLength > size || !await readFully(file, chunk, position) || !matches(chunk, digest)) {
      missing.push(index)
    }
  }

  return missing
}

/** A payload on its way in, with all who bring it. */
export class ContentWriter {
  readonly #dir: string
  readonly #manifest: PayloadManifest
  readonly #init: ContentWriterInit
  readonly #file: FileHandle
  readonly #missing: Set<number>
  /** Everybody who has joined and neither finished nor given up. */
  #users = 0
  #inFlight = 0
  #followers = 0
  /** Told of every chunk that is written. */
  readonly #listeners = new Set<() => void>()
  /** The chunks written last, while somebody follows: whoever passes them on need not fetch them from the disk. */
  readonly #recent = new Map<number, Bytes>()
  #finishing?: Promise<void>
  /** Written since the disk was last asked to take what there is. */
  #unsyncedBytes = 0
  /** What `finish` has not waited for. */
  #syncing: Promise<unknown> = Promise.resolve()
  #isSyncing = false
  #finished = false
  #closing?: Promise<void>

  private constructor (dir: string, manifest: PayloadManifest, init: ContentWriterInit, file: FileHandle, missing: number[]) {
    this.#dir = dir
    this.#manifest = manifest
    this.#init = init
    this.#file = file
    this.#missing = new Set(missing)
  }

  static async open (dir: string, manifest: PayloadManifest, init: ContentWriterInit): Promise<ContentWriter> {
    try {
      await ensurePrivateDir(dir)
      await writeStoredManifest(dir, manifest)
      const file = await openData(dir, constants.O_RDWR | constants.O_CREAT)

      try {
        return new ContentWriter(dir, manifest, init, file, await verifyChunks(file, manifest))
      } catch (err) {
        await file.close()
        throw err
      }
    } catch (err) {
      throw explainDiskFull(err, dir)
    }
  }

  get missing (): number[] {
    return [...this.#missing].sort((a, b) => a - b)
  }

  join (): IncomingContent {
    let active = true

    this.#users++

    const take = (index: number, bytes: Bytes): Promise<void> => {
      if (!active) {
        throw new Error('this transfer has ended')
      }

      return this.#take(index, bytes)
    }
    const leave = async (): Promise<void> => {
      if (active) {
        active = false
        this.#users--
        await this.#closeIfIdle()
      }
    }

    return {
      missing: this.missing,
      take,
      write: async (index, bytes) => { await take(index, bytes) },
      finish: async () => {
        // it stays open to what is missing when this rejects
        await this.#finish()
        await leave()
      },
      abort: leave
    }
  }

  /** Keeps the file open, and with it whatever of the content is here, until it is closed. */
  follow (): ArrivingContent {
    const closed = new AbortController()

    this.#users++
    this.#followers++

    return {
      manifest: this.#manifest,
      next: async (wanted, signal) => {
        for (;;) {
          signal?.throwIfAborted()
          closed.signal.throwIfAborted()

          const found = this.#firstHere(wanted)

          if (found != null || wanted.size === 0) {
            return found
          }

          await this.#change([signal, closed.signal])
        }
      },
      readChunk: async index => {
        closed.signal.throwIfAborted()

        return this.#recent.get(index) ?? await readVerified(this.#file, this.#manifest, index)
      },
      onChunks: listener => {
        const tell = (): void => { listener(this.#manifest.chunks.length - this.#missing.size) }

        this.#listeners.add(tell)
        tell()

        return () => { this.#listeners.delete(tell) }
      },
      close: async () => {
        if (!closed.signal.aborted) {
          closed.abort(new Error('nobody reads it any more'))
          this.#users--
          this.#followers--

          if (this.#followers === 0) {
            this.#recent.clear()
          }

          await this.#closeIfIdle()
        }
      }
    }
  }

  #firstHere (wanted: ReadonlySet<number>): number | undefined {
    for (const index of wanted) {
      if (this.#recent.has(index) || (!this.#missing.has(index) && this.#manifest.chunks[index] != null)) {
        return index
      }
    }
  }

  async #change (signals: Array<AbortSignal | undefined>): Promise<void> {
    let listener = (): void => {}

    try {
      await new Promise<void>(resolve => {
        listener = resolve
        this.#listeners.add(listener)
        signals.forEach(signal => signal?.addEventListener('abort', listener))
      })
    } finally {
      this.#listeners.delete(listener)
      signals.forEach(signal => signal?.removeEventListener('abort', listener))
    }
  }

  #keep (index: number, bytes: Bytes): void {
    if (this.#followers > 0) {
      this.#recent.set(index, bytes)

      for (const oldest of this.#recent.keys()) {
        // what is not written yet can be had nowhere else
        if (this.#recent.size * this.#manifest.chunkSize <= RECENT_BYTES || this.#missing.has(oldest)) {
          break
        }

        this.#recent.delete(oldest)
      }
    }
  }

  #take (index: number, bytes: Bytes): Promise<void> {
    const { id, chunks } = this.#manifest
    const digest = chunks[index]

    if (digest == null) {
      throw new ChunkMismatchError(id, index, `does not exist: there are ${chunks.length}`)
    }

    const length = chunkLength(this.#manifest, index)

    if (bytes.byteLength !== length) {
      throw new ChunkMismatchError(id, index, `has ${bytes.byteLength} bytes instead of ${length}`)
    }

    if (!matches(bytes, digest)) {
      throw new ChunkMismatchError(id, index, 'does not match its digest')
    }

    // unless somebody else has brought it
    return this.#missing.has(index) ? this.#write(index, bytes) : Promise.resolve()
  }

  /** What has been verified. */
  async #write (index: number, bytes: Bytes): Promise<void> {
    this.#inFlight++

    try {
      this.#keep(index, bytes)
      this.#listeners.forEach(tell => { tell() })
      await writeFully(this.#file, bytes, index * this.#manifest.chunkSize)
      this.#syncAhead(bytes.byteLength)
      this.#missing.delete(index)
      this.#listeners.forEach(tell => { tell() })
    } catch (err) {
      this.#recent.delete(index)
      throw explainDiskFull(err, this.#dir)
    } finally {
      this.#inFlight--
      await this.#closeIfIdle()
    }
  }

  /** So that little is left to wait for at the end. */
  #syncAhead (bytes: number): void {
    this.#unsyncedBytes += bytes

    if (this.#init.durable && this.#unsyncedBytes >= SYNC_BYTES && !this.#isSyncing) {
      this.#unsyncedBytes = 0
      this.#isSyncing = true
      this.#syncing = this.#file.datasync().catch(() => {}).finally(() => { this.#isSyncing = false })
    }
  }

  async #finish (): Promise<void> {
    if (this.#missing.size > 0) {
      throw new MeshmarkError('failed', `payload ${this.#manifest.id.slice(0, 12)} lacks ${this.#missing.size} of ${this.#manifest.chunks.length} chunks`)
    }

    this.#finishing ??= (async () => {
      // what a crash or an older version left behind the end
      await this.#file.truncate(payloadSize(this.#manifest))

      if (this.#init.durable) {
        await this.#file.sync()
        await syncDir(this.#dir)
      } else {
        // what a power failure takes from it is noticed by its digests, like all damage
        this.#syncing = this.#file.sync().catch(() => {})
      }

      await this.#init.onComplete(await stampOf(this.#file))
      this.#finished = true
    })().catch(err => {
      this.#finishing = undefined
      throw explainDiskFull(err, this.#dir)
    })

    return this.#finishing
  }

  async #closeIfIdle (): Promise<void> {
    if (this.#users === 0 || this.#finished) {
      this.#init.onIdle()
    }

    if (this.#users === 0 && this.#inFlight === 0) {
      this.#closing ??= this.#syncing.then(async () => this.#file.close())
      await this.#closing
    }
  }
}
