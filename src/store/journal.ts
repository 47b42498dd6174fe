import { MeshmarkError, toError } from '../model/errors.ts'
import { diskFullError, freeBytes, freeBytesNow } from './files.ts'
import { checkVersion, inFolder, openOrSetAside, takeFolder, VERSION_KEY } from './journal-folder.ts'
import { DamageError, explainLevel, inspectLevel, isCorruption, logBytes, openLevel, refuseDamaged } from './level.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { WriteQueue } from './write-queue.ts'
import type { OnDamage } from './journal-folder.ts'
import type { Level } from './level.ts'
import type { Operation } from './write-queue.ts'

export { JournalLockedError } from './level.ts'
export type { Operation } from './write-queue.ts'

export interface JournalOptions {
  /** Of what the caller writes into it. @default 1 */
  version?: number
  onDamage?: OnDamage
}

export interface WriteOptions {
  /** Resolve only when it is on the disk. @default true */
  durable?: boolean
}

export interface IterateOptions {
  /** Only keys after this one, in the order of keys also when reversed. */
  gt?: string
  reverse?: boolean
  limit?: number
}

const DAMAGED_PREFIX = 'damaged/'
/** After every key that begins with the same text. */
const LAST = '\u{10ffff}'
/** Puts are refused while there is less than this on the disk: the database needs room to tidy up. */
const RESERVE_BYTES = 1024 * 1024
/** Few are read as a rule; whoever goes on reads many. */
const FIRST_PAGE = { entries: 256, bytes: 256 * 1024 }
const NEXT_PAGE = { entries: 4096, bytes: 1024 * 1024 }
const PAGE_KEYS = 4096

/**
 * Durable records by key, kept by LevelDB in one folder that one process has
 * open at a time. Every record carries a checksum over key and value; the whole
 * journal is read once when it is opened, so damage shows before anything is
 * built on it.
 */
export class Journal {
  readonly dir: string
  /** It began empty: also when an older one had to be set aside. Whoever keeps an identity or an incarnation must take a new one. */
  readonly fresh: boolean
  readonly #onDamage: OnDamage
  readonly #queue = new WriteQueue(async (operations, durable) => this.#write(operations, durable))
  #level: Level
  /** The database may be out of step with its file after a failed write, and is opened anew before the next one. */
  #suspect = false
  #reopening?: Promise<void>
  #closing?: Promise<void>
  #damagedRecords = 0
  #onClosed = (): void => {}

  private constructor (dir: string, level: Level, fresh: boolean, onDamage: OnDamage) {
    this.dir = dir
    this.fresh = fresh
    this.#level = level
    this.#onDamage = onDamage
  }

  /**
   * Rejects with a JournalLockedError when somebody has it open. A damaged
   * database is renamed to `<dir>.damaged-<time>` and a fresh one is made.
   */
  static async open (dir: string, { version = 1, onDamage = () => {} }: JournalOptions = {}): Promise<Journal> {
    const giveBack = await takeFolder(dir)

    try {
      const journal = await openOrSetAside(dir, async () => Journal.#open(dir, version, onDamage), onDamage)

      journal.#onClosed = giveBack

      return journal
    } catch (err) {
      giveBack()
      throw err
    }
  }

  static async #open (dir: string, version: number, onDamage: OnDamage): Promise<Journal> {
    const damagedTables = await inFolder(dir, async () => inspectLevel(dir))
    const level = await openLevel(dir)

    try {
      refuseDamaged(level, damagedTables)
      const fresh = await checkVersion(level, dir, version)
      const journal = new Journal(dir, level, fresh, onDamage)

      if (!fresh) {
        await journal.#verify()
      }

      return journal
    } catch (err) {
      await level.close()
      throw isCorruption(err) ? new DamageError(toError(err).message, { cause: err }) : err
    }
  }

  /** Records that were set aside since it was opened; `iterate('damaged/')` has them. */
  get damagedRecords (): number {
    return this.#damagedRecords
  }

  async put (key: string, value: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'put', key, value }], options)
  }

  async del (key: string, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'del', key }], options)
  }

  /** All of it or nothing. Writes happen in the order of the calls; those that wait share one fsync. */
  async batch (operations: Operation[], { durable = true }: WriteOptions = {}): Promise<void> {
    this.#checkOpen()

    for (const { key } of operations) {
      checkKey(key)
    }

    if (operations.length > 0) {
      await this.#queue.add(() => operations, durable)
    }
  }

  /** Undefined when there is no such record, or when it was damaged and has just been set aside. */
  async get (key: string): Promise<Uint8Array | undefined> {
    const stored = await this.#read(async level => level.get(key))

    return stored == null ? undefined : await this.#decode(key, stored)
  }

  /**
   * Records whose key begins with `prefix`, in the order of their keys (UTF-8).
   * No snapshot: what is written meanwhile, further on, is seen.
   */
  async * iterate (prefix: string, { gt, reverse = false, limit = Infinity }: IterateOptions = {}): AsyncGenerator<{ key: string, value: Uint8Array }> {
    let given = 0
    let bounds: { gt?: string, gte?: string, lt: string } = gt != null && gt > prefix ? { gt, lt: prefix + LAST } : { gte: prefix, lt: prefix + LAST }

    for (let size = FIRST_PAGE; given < limit; size = NEXT_PAGE) {
      const page = await this.#page(bounds, reverse, size)
      const last = page.at(-1)?.[0]

      if (last == null) {
        return
      }

      bounds = reverse ? { ...bounds, lt: last } : { gt: last, lt: bounds.lt }

      for (const [key, stored] of page) {
        const hidden = key === VERSION_KEY || (key.startsWith(DAMAGED_PREFIX) && !prefix.startsWith(DAMAGED_PREFIX))
        // most are as they were written, and there may be millions
        const value = hidden ? undefined : decodeRecord(key, stored) ?? await this.#decode(key, stored)

        if (value != null) {
          yield { key, value }

          if (++given >= limit) {
            return
          }
        }
      }
    }
  }

  /** As `iterate`, without reading the records: several times as fast, and damage in them is not seen. */
  async * keys (prefix: string, { gt, lt = prefix + LAST }: { gt?: string, lt?: string } = {}): AsyncGenerator<string> {
    let bounds: { gt?: string, gte?: string, lt: string } = gt != null && gt > prefix ? { gt, lt } : { gte: prefix, lt }

    while (true) {
      const page = await this.#read(async level => level.keys({ ...bounds, limit: PAGE_KEYS }).all())
      const last = page.at(-1)

      if (last == null) {
        return
      }

      bounds = { gt: last, lt: bounds.lt }

      for (const key of page) {
        if (key !== VERSION_KEY && (prefix.startsWith(DAMAGED_PREFIX) || !key.startsWith(DAMAGED_PREFIX))) {
          yield key
        }
      }
    }
  }

  /** Waits for what is being written. Idempotent. */
  async close (): Promise<void> {
    this.#closing ??= (async () => {
      await this.#queue.idle()
      await this.#reopening?.catch(() => {})
      await this.#level.close()
      this.#onClosed()
    })()

    return this.#closing
  }

  /** A new iterator for every page, because the database may be opened anew between two of them. */
  async #page (bounds: { gt?: string, gte?: string, lt: string }, reverse: boolean, { entries, bytes }: typeof NEXT_PAGE): Promise<Array<[string, Buffer]>> {
    return this.#read(async level => {
      const iterator = level.iterator({ ...bounds, reverse, highWaterMarkBytes: bytes })

      try {
        return await iterator.nextv(entries)
      } finally {
        await iterator.close()
      }
    })
  }

  async #verify (): Promise<void> {
    let bounds: { gt?: string, gte?: string, lt: string } = { gte: '', lt: LAST }

    for (let page = await this.#page(bounds, false, NEXT_PAGE); page.length > 0; page = await this.#page(bounds, false, NEXT_PAGE)) {
      for (const [key, stored] of page) {
        // most are as they were written, and there may be millions
        if (decodeRecord(key, stored) == null && key !== VERSION_KEY && !key.startsWith(DAMAGED_PREFIX)) {
          await this.#decode(key, stored)
        }
      }

      bounds = { gt: page.at(-1)![0], lt: LAST }
    }
  }

  async #decode (key: string, stored: Buffer): Promise<Uint8Array | undefined> {
    const value = decodeRecord(key, stored)

    if (value == null) {
      await this.#setAsideRecord(key)
    }

    return value
  }

  async #setAsideRecord (key: string): Promise<void> {
    let done = false
    let reason = 'the record does not match its checksum'

    await this.#queue.add(() => {
      const stored = this.#level.getSync(key)

      // it may have been replaced, or set aside, since it was read
      if (stored == null || decodeRecord(key, stored) != null) {
        return []
      }

      done = true

      return [{ type: 'put', key: DAMAGED_PREFIX + key, value: stored }, { type: 'del', key }]
    }, true).catch(err => {
      // it stays where it is, and is met again: no reason to refuse the others
      reason += `, and could not be moved: ${toError(err).message}`
    })

    if (done) {
      this.#damagedRecords++
      this.#onDamage(`${this.dir}: ${key}`, reason)
    }
  }

  async #read<T> (read: (level: Level) => Promise<T>): Promise<T> {
    this.#checkOpen()

    while (this.#reopening != null) {
      await this.#reopening.catch(() => {})
    }

    if (this.#level.status !== 'open') {
      await this.#reopen()
    }

    try {
      return await read(this.#level)
    } catch (err) {
      this.#checkOpen()
      throw isCorruption(err) ? damagedWhileOpen(this.dir, err) : err
    }
  }

  async #write (operations: Operation[], sync: boolean): Promise<void> {
    const encoded = operations.map(operation => operation.type === 'put' ? { ...operation, value: encodeRecord(operation.key, operation.value) } : operation)
    const bytes = encoded.reduce((sum, operation) => sum + (operation.type === 'put' ? operation.value.byteLength : 0), 0)

    if (encoded.length === 0) {
      return
    }

    await this.#prepareLevel()

    // what only deletes may go through
    if (bytes > 0 && freeBytesNow(this.dir) < bytes + RESERVE_BYTES) {
      throw diskFullError(this.dir)
    }

    try {
      await this.#level.batch(encoded, { sync })
    } catch (err) {
      this.#suspect = true
      throw explainLevel(err, this.dir)
    }
  }

  async #prepareLevel (): Promise<void> {
    if (this.#suspect || this.#level.status !== 'open') {
      // recovery writes the log out as a table; to fail in it would cost the readers their database
      if (await freeBytes(this.dir) < await logBytes(this.dir) + RESERVE_BYTES) {
        throw diskFullError(this.dir)
      }

      await this.#reopen()
    }
  }

  async #reopen (): Promise<void> {
    this.#reopening ??= (async () => {
      try {
        await inspectLevel(this.dir)
        await this.#level.close()
        this.#level = await openLevel(this.dir)
        this.#suspect = false
      } catch (err) {
        throw err instanceof DamageError ? damagedWhileOpen(this.dir, err) : err
      }
    })().finally(() => { this.#reopening = undefined })

    return this.#reopening
  }

  #checkOpen (): void {
    if (this.#closing != null) {
      throw new MeshmarkError('failed', `the journal ${this.dir} is closed`)
    }
  }
}

function checkKey (key: string): void {
  if (key.length === 0 || key.length > 1024 || key.startsWith('!') || key.startsWith(DAMAGED_PREFIX) || !key.isWellFormed()) {
    throw new Error(`not a key for the journal: ${JSON.stringify(key.slice(0, 80))}`)
  }
}

function damagedWhileOpen (dir: string, cause: unknown): MeshmarkError {
  return new MeshmarkError('failed', `the journal ${dir} is damaged (${toError(cause).message}): start again to have it set aside`, { cause })
}
