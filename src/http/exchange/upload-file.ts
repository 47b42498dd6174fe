import { createHash, timingSafeEqual } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, readFile, rm } from 'node:fs/promises'
import { openPrivate, writeFileAtomic } from '../../store/files.ts'
import { HttpProblem } from './problem.ts'
import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** What stands beside a file, so that it is found again when the master has been started anew. */
export interface UploadRecord {
  version: 1
  /** Whose it is. */
  owner: string
  /** Bytes, once they are all there or were declared. */
  size?: number
  /** Of all of it, as it was declared. */
  sha256?: string
  /** Bytes that are on the disk for certain. */
  received: number
  expiresAt: number
}

/** Of a body without a digest what has come counts as it comes; so much of it is made durable at a time. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024

const READ_BYTES = 1024 * 1024

export interface AppendOptions {
  /** SHA-256 of what is appended: it counts as a whole, or not at all. */
  digest?: Buffer
  /** Told how many bytes are on the disk; may refuse by throwing. */
  onKept: (bytes: number) => void
  /** Checked before it is written. */
  keepMs: number
}

/** Nothing of such a body counts. */
class WrongBody extends HttpProblem {}

/** It is all there, and nobody can go on with it. */
export class WrongFile extends WrongBody {}

/**
 * One file as it arrives, piece by piece. When nobody appends, `received`
 * counts no byte that is not on the disk: whoever goes on there goes on
 * rightly, also after a crash.
 */
export class UploadFile {
  readonly path: string
  record: UploadRecord
  /** As it was made durable last. */
  #saved: UploadRecord
  /** SHA-256 of the first `received` bytes; absent until somebody needs it. */
  #hash?: Hash
  #hashing?: Promise<Hash>
  /** Somebody appends what it lacks. */
  #isOpen = false

  constructor (path: string, record: UploadRecord) {
    this.path = path
    this.record = this.#saved = record
  }

  /** All of it is on the disk, and it is what it was declared to be. */
  get isComplete (): boolean {
    return !this.#isOpen && this.record.received === this.record.size
  }

  async create (): Promise<void> {
    const file = await openPrivate(this.path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL).catch(err => { throw withoutPlace(err) })

    await file.close()
    await this.#save().catch(err => { throw withoutPlace(err) })
  }

  /** Of all that is there, in hex. */
  async sha256 (): Promise<string> {
    return (await this.#hashed()).copy().digest('hex')
  }

  /**
   * Goes on behind what is there. Throws `HttpProblem` for more than was
   * declared and for another digest; what was there before stays. Throws
   * `WrongFile` when it is all there and has another SHA-256 than was declared.
   */
  async append (pieces: AsyncIterable<Uint8Array>, options: AppendOptions): Promise<void> {
    const { received } = this.record
    const hash = await this.#hashed()
    const file = await openPrivate(this.path, constants.O_RDWR)

    this.#isOpen = !this.isComplete

    try {
      // what a crash, or a piece that was refused, has left behind
      await file.truncate(received)
      await this.#take(file, pieces, hash.copy(), options).catch(err => {
        if (err instanceof WrongBody) {
          this.record = { ...this.record, received }
          this.#hash = hash
        }

        throw err
      }).finally(async () => this.#checkpoint(file, options.keepMs))
    } catch (err) {
      await file.truncate(this.record.received).catch(() => {})
      options.onKept(this.record.received)
      throw withoutPlace(err)
    } finally {
      this.#isOpen = false
      await file.close()
    }
  }

  async remove (): Promise<void> {
    await Promise.all([this.path, recordPath(this.path)].map(async path => rm(path, { force: true })))
  }

  async #take (file: FileHandle, pieces: AsyncIterable<Uint8Array>, hash: Hash, { digest, onKept, keepMs }: AppendOptions): Promise<void> {
    const { size, sha256 } = this.record
    const own = digest == null ? undefined : createHash('sha256')
    let at = this.record.received
    let saved = at

    for await (const piece of pieces) {
      if (size != null && at + piece.byteLength > size) {
        throw new WrongBody(413, 'usage', `more came than the ${size} bytes that were declared: begin again with the right size`)
      }

      onKept(at + piece.byteLength)
      await writeAll(file, piece, at)
      at += piece.byteLength
      hash.update(piece)

      if (own != null) {
        own.update(piece)
        continue
      }

      this.record = { ...this.record, received: at }
      this.#hash = hash

      // the last one is not before it is known to be the right file
      if (at - saved >= CHECKPOINT_BYTES && at !== size) {
        await this.#checkpoint(file, keepMs)
        saved = at
      }
    }

    if (own != null && !timingSafeEqual(own.digest(), digest!)) {
      throw new HttpProblem(400, 'failed', 'what came is not what its Content-Digest says: send it again')
    }

    if (at === size && sha256 != null && hash.copy().digest('hex') !== sha256) {
      throw new WrongFile(400, 'usage', 'the file is not what its declared sha256 says, and is removed: begin again')
    }

    this.record = { ...this.record, received: at, ...(size == null ? { size: at } : {}) }
    this.#hash = hash
  }

  async #save (): Promise<void> {
    await writeFileAtomic(recordPath(this.path), JSON.stringify(this.record))
    this.#saved = this.record
  }

  /** What cannot be made durable does not count. */
  async #checkpoint (file: FileHandle, keepMs: number): Promise<void> {
    try {
      await file.datasync()
      this.record = { ...this.record, expiresAt: Date.now() + keepMs }
      await this.#save()
    } catch (err) {
      this.record = this.#saved
      this.#hash = undefined
      throw err
    }
  }

  /** Read once, however many ask for it at once. */
  async #hashed (): Promise<Hash> {
    if (this.#hash != null) {
      return this.#hash
    }

    this.#hashing ??= this.#read().then(hash => (this.#hash = hash)).finally(() => { this.#hashing = undefined })

    return this.#hashing
  }

  async #read (): Promise<Hash> {
    const { received } = this.record
    const hash = createHash('sha256')
    const file = await openPrivate(this.path, constants.O_RDONLY)

    try {
      const into = Buffer.alloc(Math.min(READ_BYTES, received))

      for (let at = 0; at < received;) {
        const { bytesRead } = await file.read(into, 0, Math.min(into.byteLength, received - at), at)

        if (bytesRead === 0) {
          throw new Error(`${this.path} is shorter than it was`)
        }

        hash.update(into.subarray(0, bytesRead))
        at += bytesRead
      }
    } finally {
      await file.close()
    }

    return hash
  }
}

export function recordPath (path: string): string {
  return `${path}.json`
}

/** Throws when it is no such record, or the file lacks what it says. */
export async function readUpload (path: string): Promise<UploadFile> {
  const record = JSON.parse(await readFile(recordPath(path), 'utf8')) as UploadRecord
  const { version, owner, size, sha256, received, expiresAt } = record

  if (version !== 1 || typeof owner !== 'string' || !isCount(received) || (size != null && (!isCount(size) || received > size)) || (sha256 != null && typeof sha256 !== 'string') || !Number.isFinite(expiresAt)) {
    throw new Error('it has another form')
  }

  const file = await lstat(path)

  if (!file.isFile() || file.size < received) {
    throw new Error('it is not all there')
  }

  return new UploadFile(path, { version, owner, size, sha256, received, expiresAt })
}

/** A full disk is another master's chance; where it is, is nobody's business. */
function withoutPlace (err: any): unknown {
  const { code } = err?.cause ?? err ?? {}

  return code === 'ENOSPC' || code === 'EDQUOT' ? new HttpProblem(503, 'quota', 'the disk of this master is full: try another master, or later') : err
}

function isCount (value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

async function writeAll (file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    done += (await file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten
  }
}
