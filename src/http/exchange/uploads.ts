import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensurePrivateDir } from '../../store/files.ts'
import { piecesOf } from './body.ts'
import { HttpProblem, usage } from './problem.ts'
import { firstOf } from './sessions.ts'
import { readUpload, UploadFile, WrongFile, type UploadRecord } from './upload-file.ts'
import { UPLOAD_LIMITS, UploadRoom, type Share, type UploadLimits } from './upload-room.ts'

/** In hex. */
const SHA256_OF_NOTHING = createHash('sha256').digest('hex')

/** As whoever sends it is told. */
export interface Upload {
  id: string
  /** Bytes of the whole; absent while nobody knows. */
  size?: number
  /** How many of them are here: where to go on. */
  received: number
  complete: boolean
  /** Of a complete one, in hex. */
  sha256?: string
  expiresAt: number
}

export interface Piece {
  /** Where it begins, which must be how many bytes are here. */
  offset: number
  /** Bytes, where that is known before they come. */
  length?: number
  /** SHA-256 of it: it counts as a whole, or not at all. */
  digest?: Buffer
  /** Not asked for before it is wanted: of a body that nobody has begun to read, the server reads the rest itself. */
  body: () => ReadableStream<Uint8Array> | null
}

interface Held {
  id: string
  file: UploadFile
  share: Share
  /** Jobs that are being submitted with it. */
  uses: number
  /** Requests that send it or wait for that. */
  turns: number
  /** Ends the latest of them; there is one at a time. */
  stop?: AbortController
  turn: Promise<void>
}

export interface UploadsOptions {
  limits?: UploadLimits
  /** Where they are found again by the next master of this place. @default a folder that is removed with them */
  dir?: string
}

/**
 * Files sent before the job that they are for, whole or in pieces: each belongs
 * to who sent it, and is kept for an hour after the last of it came.
 */
export class Uploads {
  readonly limits: UploadLimits
  readonly #held = new Map<string, Held>()
  readonly #room: UploadRoom
  readonly #sweeping: NodeJS.Timeout
  readonly #place?: string
  #dir?: Promise<string>

  constructor ({ limits = UPLOAD_LIMITS, dir }: UploadsOptions = {}) {
    this.limits = limits
    this.#room = new UploadRoom(limits)
    this.#place = dir
    this.#sweeping = setInterval(() => { void this.#sweep() }, Math.min(limits.keepMs, 60_000)).unref()
  }

  /** Finds what an earlier master of this place has left, and removes what nobody can go on with. */
  async open (): Promise<void> {
    await this.#folder()
  }

  /** A file in one body. Throws `HttpProblem`: 413, 429, 408. */
  async put (owner: string, { length = 0, body, digest }: Omit<Piece, 'offset'>, signal: AbortSignal): Promise<Upload> {
    this.#room.refuseLarge(length)

    const { held, done } = await this.#create({ version: 1, owner, received: 0, expiresAt: 0 })

    try {
      await this.#send(held, body(), digest, signal)

      return await this.#view(held)
    } catch (err) {
      await this.#remove(held)
      throw err
    } finally {
      done()
    }
  }

  /** A file of so many bytes that comes in pieces. Throws `HttpProblem`: 413, 429. */
  async begin (owner: string, { size, sha256 }: { size: number, sha256?: string }): Promise<Upload> {
    const declared = sha256?.toLowerCase()

    if (size === 0 && declared != null && declared !== SHA256_OF_NOTHING) {
      throw usage('a file of 0 bytes is not what its declared sha256 says')
    }

    const { held, done } = await this.#create({ version: 1, owner, size, sha256: declared, received: 0, expiresAt: 0 })

    done()

    return await this.#view(held)
  }

  /**
   * The next piece. Whoever sends last is right: a request that still sends an
   * earlier one, mostly over a connection that is dead, is ended with 409.
   *
   * Throws `HttpProblem`: 404, 409, 413, 429, 408, 400.
   */
  async append (owner: string, id: string, { offset, length, digest, body }: Piece, signal: AbortSignal): Promise<Upload> {
    const held = await this.#find(owner, id)
    const { stop, done } = await this.#turn(held)
    const both = firstOf(signal, stop.signal)

    try {
      const { received, size = received } = held.file.record

      both.signal.throwIfAborted()

      if (this.#held.get(id) !== held) {
        throw noUpload(id)
      }

      if (offset !== received) {
        throw new HttpProblem(409, 'conflict', `${received} of ${size} bytes are here, and the piece begins at ${offset}: go on at ${received}`)
      }

      if (length != null && offset + length > size) {
        throw new HttpProblem(413, 'usage', `the piece ends behind the ${size} bytes that were declared`)
      }

      await this.#send(held, body(), digest, both.signal)

      return await this.#view(held)
    } catch (err) {
      if (err instanceof WrongFile) {
        await this.#remove(held)
      }

      throw err
    } finally {
      both.forget()
      done()
    }
  }

  async show (owner: string, id: string): Promise<Upload> {
    return await this.#view(await this.#find(owner, id))
  }

  /** Removes it, also while it is being sent. Throws 409 while a job is submitted with it. */
  async drop (owner: string, id: string): Promise<void> {
    const held = await this.#find(owner, id)

    refuseUsed(held)

    const { done } = await this.#turn(held)

    try {
      // it may have become whole in the meantime
      refuseUsed(held)
      await this.#remove(held)
    } finally {
      done()
    }
  }

  /** Where a whole file of this owner is; it stays until `release`. The same words for another one's file as for none. */
  take (owner: string, id: string): { path: string, release: () => void } {
    const held = this.#held.get(id)

    if (held == null || held.file.record.owner !== owner) {
      throw usage(noUpload(id).message)
    }

    const { file, file: { record: { received, size } } } = held

    if (!file.isComplete) {
      throw usage(`of upload ${id} ${received} of ${size ?? 'more'} bytes are here: send the rest with PATCH /v1/files/${id}?offset=${received}`)
    }

    held.uses++

    return { path: file.path, release: () => { held.uses-- } }
  }

  /** What came in pieces stays for the next master of this place. */
  async close (): Promise<void> {
    clearInterval(this.#sweeping)

    const dir = await this.#dir?.catch(() => undefined)

    await Promise.all([...this.#held.values()].map(async ({ turn }) => turn))
    this.#held.clear()

    if (dir != null && this.#place == null) {
      await rm(dir, { recursive: true, force: true })
    }
  }

  async #folder (): Promise<string> {
    this.#dir ??= this.#place == null ? mkdtemp(join(tmpdir(), 'meshmark-http-')) : this.#load(this.#place)
    // the next one tries again
    this.#dir.catch(() => { this.#dir = undefined })

    return this.#dir
  }

  async #load (dir: string): Promise<string> {
    await ensurePrivateDir(dir)

    for (const name of await readdir(dir)) {
      const id = /^([0-9a-f]{24})(?:\.json)?$/.exec(name)?.[1]

      if (id != null && this.#held.has(id)) {
        continue
      }

      const file = id == null ? undefined : await readUpload(join(dir, id)).catch(() => undefined)

      if (id != null && file?.record.size != null && file.record.expiresAt > Date.now()) {
        this.#hold(id, file, this.#room.enter(file.record.owner, file.record.size, file.record.received))
      } else {
        await rm(join(dir, name), { recursive: true, force: true })
      }
    }

    return dir
  }

  /** With the first turn: whoever ends this waits for whatever has files. */
  async #create (record: UploadRecord): Promise<{ held: Held, done: () => void }> {
    const dir = await this.#folder()
    const id = randomBytes(12).toString('hex')
    const held = this.#hold(id, new UploadFile(join(dir, id), { ...record, expiresAt: Date.now() + this.limits.keepMs }), this.#room.begin(record.owner, record.size))
    const { done } = await this.#turn(held)

    try {
      await held.file.create()

      return { held, done }
    } catch (err) {
      await this.#remove(held)
      done()
      throw err
    }
  }

  #hold (id: string, file: UploadFile, share: Share): Held {
    const held: Held = { id, file, share, uses: 0, turns: 0, turn: Promise.resolve() }

    this.#held.set(id, held)

    return held
  }

  async #send (held: Held, body: ReadableStream<Uint8Array> | null, digest: Buffer | undefined, signal: AbortSignal): Promise<void> {
    await held.file.append(piecesOf(body, signal), { digest, keepMs: this.limits.keepMs, onKept: held.share.keep })
  }

  /** Ends whoever has its turn, and waits until nobody has. */
  async #turn (held: Held): Promise<{ stop: AbortController, done: () => void }> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = new AbortController()
    const before = held.turn

    held.stop?.abort(new HttpProblem(409, 'conflict', 'another request goes on with this file'))
    held.stop = stop
    held.turn = promise
    held.turns++
    await before

    return { stop, done: () => { held.turns--; resolve() } }
  }

  async #find (owner: string, id: string): Promise<Held> {
    await this.#folder()

    const held = this.#held.get(id)

    if (held == null || held.file.record.owner !== owner) {
      throw noUpload(id)
    }

    return held
  }

  async #view ({ id, file }: Held): Promise<Upload> {
    const { size, received, expiresAt } = file.record

    return { id, ...(size == null ? {} : { size }), received, complete: file.isComplete, ...(file.isComplete ? { sha256: await file.sha256() } : {}), expiresAt }
  }

  async #sweep (): Promise<void> {
    for (const held of this.#held.values()) {
      // each at its own time: somebody may have begun to use it while another one was removed
      if (held.uses === 0 && held.turns === 0 && held.file.record.expiresAt <= Date.now()) {
        await this.#remove(held).catch(() => {})
      }
    }
  }

  async #remove (held: Held): Promise<void> {
    if (this.#held.delete(held.id)) {
      held.share.leave()
    }

    await held.file.remove()
  }
}

function refuseUsed ({ id, uses }: Held): void {
  if (uses > 0) {
    throw new HttpProblem(409, 'conflict', `a job is being submitted with upload ${id}: try again`)
  }
}

function noUpload (id: string): HttpProblem {
  return new HttpProblem(404, 'usage', `no upload '${id.slice(0, 64)}': send the file with PUT or POST /v1/files; it is kept for an hour, on the master that took it`)
}
