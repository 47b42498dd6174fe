import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshmarkError, toError } from '../model/errors.ts'
import { payloadSize } from '../model/payload.ts'
import { formatBytes } from '../model/units.ts'
import { isComplete, isConsistent, readStoredManifest, touchStored } from './content-files.ts'
import { ContentReader } from './content-reader.ts'
import { ContentWriter, missingChunks } from './content-writer.ts'
import { diskFullError, ensurePrivateDir, freeBytes, syncDir } from './files.ts'
import type { PayloadManifest } from '../model/payload.ts'
import type { ArrivingContent, IncomingContent } from './content-writer.ts'

export interface ContentOptions {
  /** Bytes of content kept, complete or in part. */
  maxBytes: number
  /** Whether what is complete is on the disk before anybody is told. @default true */
  durable?: boolean
  onDamage?: (path: string, reason: string) => void
}

export interface ContentUsage {
  /** Complete ones, and what is reserved for those that are on their way. */
  bytes: number
  maxBytes: number
  payloads: number
  /** Bytes that cannot be freed: pinned, being read or being written. */
  heldBytes: number
}

interface Entry {
  bytes: number
  usedMs: number
  complete: boolean
  readers: number
  /** When its data, as it is on the disk, was last found whole: its stamp, and milliseconds of the monotonic clock. */
  verified?: { stamp: string, atMs: number }
  writer?: ContentWriter
}

/** Left on the disk beside what a payload needs. */
const RESERVE_BYTES = 1024 * 1024

/**
 * Payloads by their id, in a folder that one process uses at a time:
 * `complete/<id>/{manifest,data}` and, until every chunk is there,
 * `partial/<id>/…`. What has not been used for longest goes first when room is
 * needed; what is pinned, read or written stays.
 */
export class ContentStore {
  readonly #dir: string
  readonly #options: ContentOptions
  readonly #entries = new Map<string, Entry>()
  readonly #pins = new Map<string, Set<string>>()
  /** Those who wait for a payload to begin to come. */
  readonly #begun = new Map<string, Set<() => void>>()
  #lastUseMs = 0
  /** Tail of the queue of everything that adds or removes an entry. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor (dir: string, options: ContentOptions) {
    this.#dir = dir
    this.#options = options
  }

  static async open (dir: string, options: ContentOptions): Promise<ContentStore> {
    const store = new ContentStore(dir, options)

    await ensurePrivateDir(join(dir, 'complete'))
    await ensurePrivateDir(join(dir, 'partial'))
    await store.#scan()

    return store
  }

  get #isDurable (): boolean {
    return this.#options.durable !== false
  }

  async has (id: string): Promise<boolean> {
    return this.#entries.get(id)?.complete === true
  }

  /** `complete`, or the numbers of the chunks that are not here; what is here has been verified just now. */
  async state (manifest: PayloadManifest): Promise<'complete' | number[]> {
    checkManifest(manifest)
    const entry = this.#entries.get(manifest.id)

    if (entry?.complete === true) {
      return 'complete'
    }

    return entry?.writer?.missing ?? await missingChunks(this.#partial(manifest.id), manifest)
  }

  /**
   * Takes content in. Several may bring the same payload at once: each says
   * what is missing when it begins, and what one has written the others need
   * not. Rejects with `quota` when it does not fit beside what is held.
   */
  async begin (manifest: PayloadManifest): Promise<IncomingContent> {
    checkManifest(manifest)

    return this.#exclusive(async () => {
      const known = this.#entries.get(manifest.id)

      if (known?.complete === true) {
        return COMPLETE
      }

      if (known?.writer != null) {
        return known.writer.join()
      }

      const entry = await this.#makeRoom(manifest, known)
      const writer: ContentWriter = await ContentWriter.open(this.#partial(manifest.id), manifest, {
        durable: this.#isDurable,
        onComplete: async stamp => this.#exclusive(async () => this.#complete(manifest.id, entry, stamp)),
        // late writes of those who have left may end after others have begun
        onIdle: () => { entry.writer = entry.writer === writer ? undefined : entry.writer }
      })

      entry.writer = writer
      await this.#use(entry, this.#partial(manifest.id))
      this.#entries.set(manifest.id, entry)

      const joined = writer.join()

      this.#begun.get(manifest.id)?.forEach(tell => { tell() })

      return joined
    })
  }

  /** Rejects with `not-found` when it is not here, or not complete. What is open is not removed. */
  async open (id: string): Promise<ContentReader> {
    checkId(id)

    return this.#exclusive(async () => {
      const entry = this.#entries.get(id)

      if (entry?.complete !== true) {
        throw new MeshmarkError('not-found', `payload ${short(id)} is not in the store`)
      }

      try {
        const reader = await ContentReader.open(this.#path(id), id, {
          onClose: () => { entry.readers-- },
          verified: () => entry.verified,
          onVerified: stamp => { entry.verified = { stamp, atMs: performance.now() } },
          onDamage: async reason => this.#demote(id, reason)
        })

        entry.readers++
        await this.#use(entry, this.#path(id))

        return reader
      } catch (err) {
        if (!isDamage(err)) {
          throw err
        }

        await this.#demoteNow(id, toError(err).message)
        throw new MeshmarkError('failed', `payload ${short(id)} was damaged in the store and must be fetched again: ${toError(err).message}`, { cause: err })
      }
    })
  }

  /**
   * Reads a payload from what is here of it, and from what comes in: waits for
   * its first transfer to begin. Rejects when the signal fires before.
   */
  async follow (id: string, signal: AbortSignal): Promise<ArrivingContent> {
    checkId(id)

    for (;;) {
      const entry = this.#entries.get(id)

      // at once: it closes when nobody uses it
      if (entry?.writer != null) {
        return entry.writer.follow()
      }

      if (entry?.complete === true) {
        return readAsArrived(await this.open(id))
      }

      await this.#nextBegin(id, signal)
    }
  }

  /** Keeps a payload, here or yet to come, until the same `by` unpins it. In memory: pin anew after a start, before anything is taken in. */
  pin (id: string, by: string): void {
    checkId(id)
    const pins = this.#pins.get(id) ?? new Set()

    this.#pins.set(id, pins.add(by))
  }

  unpin (id: string, by: string): void {
    const pins = this.#pins.get(id)

    pins?.delete(by)

    if (pins?.size === 0) {
      this.#pins.delete(id)
    }
  }

  /** Takes it away now, unless somebody holds it. */
  async drop (id: string): Promise<void> {
    await this.#exclusive(async () => this.#dropNow(id))
  }

  /** All that nobody holds. */
  async dropUnheld (): Promise<void> {
    await this.#exclusive(async () => {
      for (const id of [...this.#entries.keys()]) {
        await this.#dropNow(id)
      }
    })
  }

  usage (): ContentUsage {
    const entries = [...this.#entries]

    return {
      bytes: sum(entries),
      maxBytes: this.#options.maxBytes,
      payloads: entries.filter(([, { complete }]) => complete).length,
      heldBytes: sum(entries.filter(([id, entry]) => this.#isHeld(id, entry)))
    }
  }

  #path (id: string): string {
    return join(this.#dir, 'complete', id)
  }

  #partial (id: string): string {
    return join(this.#dir, 'partial', id)
  }

  #isHeld (id: string, entry: Entry): boolean {
    return this.#pins.has(id) || entry.readers > 0 || entry.writer != null
  }

  async #nextBegin (id: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()

    const waiting = this.#begun.get(id) ?? new Set()
    let begun = (): void => {}
    let abort = (): void => {}

    this.#begun.set(id, waiting)

    try {
      await new Promise<void>((resolve, reject) => {
        begun = resolve
        abort = () => { reject(toError(signal.reason)) }
        waiting.add(begun)
        signal.addEventListener('abort', abort)
      })
    } finally {
      signal.removeEventListener('abort', abort)
      waiting.delete(begun)

      if (waiting.size === 0 && this.#begun.get(id) === waiting) {
        this.#begun.delete(id)
      }
    }
  }

  async #exclusive<T> (work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)

    this.#turn = turn.catch(() => {})

    return turn
  }

  async #scan (): Promise<void> {
    for (const kind of ['partial', 'complete'] as const) {
      for (const id of (await readdir(join(this.#dir, kind))).filter(isId)) {
        const dir = join(this.#dir, kind, id)

        try {
          const manifest = await readStoredManifest(dir, id)
          const { mtimeMs } = await stat(join(dir, 'manifest'))

          await this.#found(id, kind === 'complete', manifest, mtimeMs)
        } catch (err) {
          if (!isDamage(err)) {
            throw err
          }

          await this.#discard(dir, kind, toError(err).message)
        }
      }
    }
  }

  async #found (id: string, complete: boolean, manifest: PayloadManifest, usedMs: number): Promise<void> {
    const whole = complete && await isComplete(this.#path(id), manifest)

    if (whole) {
      // an attempt to fetch it anew that is no longer needed
      await rm(this.#partial(id), { recursive: true, force: true })
    } else if (complete) {
      await this.#moveToPartial(id, 'its data does not have the size that the manifest says')
    }

    this.#entries.set(id, { bytes: payloadSize(manifest), usedMs, complete: whole, readers: 0 })
  }

  /** A crash may leave a partial one without its manifest; a complete one had its own on the disk. */
  async #discard (dir: string, kind: 'partial' | 'complete', reason: string): Promise<void> {
    if (kind === 'partial') {
      await rm(dir, { recursive: true, force: true })
      return
    }

    const aside = join(this.#dir, `damaged-${new Date().toISOString().replaceAll(':', '')}-${dir.slice(-8)}`)

    await rename(dir, aside)
    this.#options.onDamage?.(aside, reason)
  }

  async #complete (id: string, entry: Entry, stamp: string): Promise<void> {
    await rename(this.#partial(id), this.#path(id))

    if (this.#isDurable) {
      await syncDir(join(this.#dir, 'complete'))
      await syncDir(join(this.#dir, 'partial'))
    }

    entry.complete = true
    entry.verified = { stamp, atMs: performance.now() }
    await this.#use(entry, this.#path(id))
  }

  /** Each use is later than all before it, also within one millisecond. */
  async #use (entry: Entry, dir: string): Promise<void> {
    this.#lastUseMs = Math.max(Date.now(), this.#lastUseMs + 0.001)
    entry.usedMs = this.#lastUseMs
    await touchStored(dir, entry.usedMs)
  }

  async #demote (id: string, reason: string): Promise<void> {
    await this.#exclusive(async () => this.#demoteNow(id, reason))
  }

  async #dropNow (id: string): Promise<void> {
    const entry = this.#entries.get(id)

    if (entry != null && !this.#isHeld(id, entry)) {
      this.#entries.delete(id)
      await rm(entry.complete ? this.#path(id) : this.#partial(id), { recursive: true, force: true })
    }
  }

  /** Damaged content becomes content in part: its good chunks are verified and kept when it is fetched again. */
  async #demoteNow (id: string, reason: string): Promise<void> {
    const entry = this.#entries.get(id)

    if (entry?.complete === true) {
      entry.complete = false
      await this.#moveToPartial(id, reason)
    }
  }

  async #moveToPartial (id: string, reason: string): Promise<void> {
    await rm(this.#partial(id), { recursive: true, force: true })
    await rename(this.#path(id), this.#partial(id))
    this.#options.onDamage?.(this.#partial(id), reason)
  }

  /** Frees what must go, least recently used first, but nothing at all when that would not be enough. */
  async #makeRoom (manifest: PayloadManifest, known: Entry | undefined): Promise<Entry> {
    const bytes = payloadSize(manifest)
    const others = [...this.#entries].filter(([id]) => id !== manifest.id)
    const removable = others.filter(([id, entry]) => !this.#isHeld(id, entry)).sort(([, a], [, b]) => a.usedMs - b.usedMs)
    const held = sum(others) - sum(removable)
    const { maxBytes } = this.#options

    if (held + bytes > maxBytes) {
      throw new MeshmarkError('quota', `the payload of ${formatBytes(bytes)} does not fit the store of ${formatBytes(maxBytes)}${held > 0 ? `, of which unfinished jobs hold ${formatBytes(held)}` : ''}`)
    }

    let used = sum(others)
    let free = await freeBytes(this.#dir)
    const onDisk = known == null ? 0 : await stat(join(this.#partial(manifest.id), 'data')).then(({ blocks }) => blocks * 512, () => 0)
    const needed = bytes - onDisk + RESERVE_BYTES

    if (free + sum(removable) < needed) {
      throw diskFullError(this.#dir)
    }

    for (const [id, entry] of removable) {
      if (used + bytes <= maxBytes && free >= needed) {
        break
      }

      // pinned or opened while others were being removed
      if (this.#isHeld(id, entry)) {
        continue
      }

      // first, so that nobody is told that it is here while it goes
      this.#entries.delete(id)
      await rm(entry.complete ? this.#path(id) : this.#partial(id), { recursive: true, force: true })
      used -= entry.bytes
      free = await freeBytes(this.#dir)
    }

    if (free < needed) {
      throw diskFullError(this.#dir)
    }

    return known ?? { bytes, usedMs: Date.now(), complete: false, readers: 0 }
  }
}

const COMPLETE: IncomingContent = {
  missing: [],
  take: async () => {},
  write: async () => {},
  finish: async () => {},
  abort: async () => {}
}

function readAsArrived (reader: ContentReader): ArrivingContent {
  const { manifest } = reader

  return {
    manifest,
    next: async wanted => {
      const [first] = wanted

      return first
    },
    readChunk: async index => reader.readChunk(index),
    onChunks: listener => {
      listener(manifest.chunks.length)

      return () => {}
    },
    close: async () => reader.close()
  }
}

function sum (entries: Array<[string, Entry]>): number {
  return entries.reduce((bytes, [, entry]) => bytes + entry.bytes, 0)
}

function isId (text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function checkId (id: string): void {
  if (!isId(id)) {
    throw new MeshmarkError('refused', `not the id of a payload: ${JSON.stringify(String(id).slice(0, 80))}`)
  }
}

function checkManifest (manifest: PayloadManifest): void {
  checkId(manifest.id)

  if (!isConsistent(manifest)) {
    throw new MeshmarkError('refused', `the manifest of payload ${short(manifest.id)} contradicts itself`)
  }
}

/** Something is wrong with the files, rather than with this process or the disk as a whole. */
function isDamage (err: any): boolean {
  return err?.code == null || err.code === 'ENOENT' || err.code === 'ENOTDIR' || err.code === 'ELOOP' || err.code === 'EISDIR'
}

function short (id: string): string {
  return id.slice(0, 12)
}
