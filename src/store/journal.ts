import { constants } from 'node:fs'
import { cp, open, readFile, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { MeshmarkError, toError } from '../model/errors.ts'
import { diskFullError, ensurePrivateDir, freeBytes, syncDir } from './files.ts'
import { findLogDamage } from './level-log.ts'
import { decodeRecord, encodeRecord } from './record.ts'

/** Called with what was set aside (a folder, or `JOURNAL: KEY`) and why. */
export type OnDamage = (path: string, reason: string) => void

export interface JournalOptions {
  /** Of what the caller writes into it. @default 1 */
  version?: number
  onDamage?: OnDamage
}

export type Operation =
  | { type: 'put', key: string, value: Uint8Array }
  | { type: 'del', key: string }

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

/** Somebody else has this journal open: another process, or this one. */
export class JournalLockedError extends MeshmarkError {
  readonly locked = true
}

type Level = ClassicLevel<string, Buffer>

interface Write {
  /** Made when its turn has come. */
  operations: () => Operation[]
  durable: boolean
  resolve: () => void
  reject: (err: Error) => void
}

/** The open database is not to be trusted. */
class DamageError extends Error {}

/**
 * Journals that this process has open, or is opening. LevelDB must not be asked
 * about these: its refusal closes a descriptor of the lock file, and with it the
 * process loses its (POSIX) lock, unnoticed.
 */
const inUse = new Set<string>()

const VERSION_KEY = '!version'
const DAMAGED_PREFIX = 'damaged/'
/** After every key that begins with the same text. */
const LAST = '\u{10ffff}'
/** Puts are refused while there is less than this on the disk: the database needs room to tidy up. */
const RESERVE_BYTES = 1024 * 1024
/** What is waiting is written together, up to here. */
const GROUP_BYTES = 1024 * 1024
const PAGE_BYTES = 256 * 1024
const PAGE_ENTRIES = 256

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
  readonly #queue: Write[] = []
  #level: Level
  #writing?: Promise<void>
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
    await ensurePrivateDir(dir)
    const name = await realpath(dir)

    if (inUse.has(name)) {
      throw lockedError(dir)
    }

    inUse.add(name)

    try {
      const journal = await Journal.#openOrReplace(dir, version, onDamage)

      journal.#onClosed = () => { inUse.delete(name) }

      return journal
    } catch (err) {
      inUse.delete(name)
      throw err
    }
  }

  static async #openOrReplace (dir: string, version: number, onDamage: OnDamage): Promise<Journal> {
    try {
      return await Journal.#open(dir, version, onDamage)
    } catch (err) {
      if (!(err instanceof DamageError)) {
        throw err
      }
    }

    return await guarded(dir, async () => {
      try {
        // somebody else may have set it aside already
        return await Journal.#open(dir, version, onDamage)
      } catch (err) {
        if (!(err instanceof DamageError)) {
          throw err
        }

        onDamage(await setAside(dir), err.message)
      }

      return await Journal.#open(dir, version, onDamage)
    })
  }

  static async #open (dir: string, version: number, onDamage: OnDamage): Promise<Journal> {
    await ensurePrivateDir(dir)
    await inspect(dir)
    const level = await openLevel(dir)

    try {
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
    for (const { key } of operations) {
      checkKey(key)
    }

    if (operations.length > 0) {
      await this.#enqueue(() => operations, durable)
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

    while (given < limit) {
      const page = await this.#page(bounds, reverse)
      const last = page.at(-1)?.[0]

      if (last == null) {
        return
      }

      bounds = reverse ? { ...bounds, lt: last } : { gt: last, lt: bounds.lt }

      for (const [key, stored] of page) {
        const hidden = key === VERSION_KEY || (key.startsWith(DAMAGED_PREFIX) && !prefix.startsWith(DAMAGED_PREFIX))
        const value = hidden ? undefined : await this.#decode(key, stored)

        if (value != null) {
          yield { key, value }

          if (++given >= limit) {
            return
          }
        }
      }
    }
  }

  /** Waits for what is being written. Idempotent. */
  async close (): Promise<void> {
    this.#closing ??= (async () => {
      await this.#writing
      await this.#reopening?.catch(() => {})
      await this.#level.close()
      this.#onClosed()
    })()

    return this.#closing
  }

  /** A new iterator for every page, because the database may be opened anew between two of them. */
  async #page (bounds: { gt?: string, gte?: string, lt: string }, reverse: boolean): Promise<Array<[string, Buffer]>> {
    return this.#read(async level => {
      const iterator = level.iterator({ ...bounds, reverse, highWaterMarkBytes: PAGE_BYTES })

      try {
        return await iterator.nextv(PAGE_ENTRIES)
      } finally {
        await iterator.close()
      }
    })
  }

  async #verify (): Promise<void> {
    for await (const _ of this.iterate('')) {
      // reading is checking
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

    await this.#enqueue(() => {
      const stored = this.#level.getSync(key)

      // it may have been replaced, or set aside, since it was read
      if (stored == null || decodeRecord(key, stored) != null) {
        return []
      }

      done = true

      return [{ type: 'put', key: DAMAGED_PREFIX + key, value: stored }, { type: 'del', key }]
    }, true)

    if (done) {
      this.#damagedRecords++
      this.#onDamage(`${this.dir}: ${key}`, 'the record does not match its checksum')
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

  async #enqueue (operations: Write['operations'], durable: boolean): Promise<void> {
    this.#checkOpen()

    return new Promise((resolve, reject) => {
      this.#queue.push({ operations, durable, resolve, reject })
      this.#writing ??= this.#drain()
    })
  }

  /**
   * One write at a time: after one that failed half way LevelDB would go on
   * writing at places where its reader does not look, and confirm it.
   */
  async #drain (): Promise<void> {
    while (this.#queue.length > 0) {
      const group: Write[] = []

      try {
        await this.#prepareLevel()
        await this.#write(this.#takeGroup(group), group.some(({ durable }) => durable))
        group.forEach(({ resolve }) => { resolve() })
      } catch (err) {
        // before any was taken: whoever waits first learns why
        const failed = group.length > 0 ? group : this.#queue.splice(0, 1)

        failed.forEach(({ reject }) => { reject(toError(err)) })
      }
    }

    // in the same turn in which the queue was seen empty
    this.#writing = undefined
  }

  #takeGroup (group: Write[]): Operation[] {
    const operations: Operation[] = []
    const keys = new Set<string>()
    let bytes = 0

    for (let next = this.#queue[0]; next != null && bytes < GROUP_BYTES; next = this.#queue[0]) {
      let made: Operation[]

      try {
        made = next.operations()
      } catch (err) {
        this.#queue.shift()
        next.reject(toError(err))
        continue
      }

      // a prepared operation looks at the database, where its group is not yet
      if (made.some(({ key }) => keys.has(key))) {
        break
      }

      this.#queue.shift()
      group.push(next)

      for (const operation of made) {
        keys.add(operation.key)
        operations.push(operation)
        bytes += operation.key.length + (operation.type === 'put' ? operation.value.byteLength : 0)
      }
    }

    return operations
  }

  async #write (operations: Operation[], sync: boolean): Promise<void> {
    const encoded = operations.map(operation => operation.type === 'put' ? { ...operation, value: encodeRecord(operation.key, operation.value) } : operation)
    const bytes = encoded.reduce((sum, operation) => sum + (operation.type === 'put' ? operation.value.byteLength : 0), 0)

    if (encoded.length === 0) {
      return
    }

    // what only deletes may go through
    if (bytes > 0 && await freeBytes(this.dir) < bytes + RESERVE_BYTES) {
      throw diskFullError(this.dir)
    }

    try {
      await this.#level.batch(encoded, { sync })
    } catch (err) {
      this.#suspect = true
      throw explain(err, this.dir)
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
        await inspect(this.dir)
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

function lockedError (dir: string, cause?: unknown): JournalLockedError {
  return new JournalLockedError('failed', `the journal ${dir} is in use by another process or part of this one`, { cause })
}

function checkKey (key: string): void {
  if (key.length === 0 || key.length > 1024 || key.startsWith('!') || key.startsWith(DAMAGED_PREFIX) || !key.isWellFormed()) {
    throw new Error(`not a key for the journal: ${JSON.stringify(key.slice(0, 80))}`)
  }
}

/** Looks for what LevelDB would pass over in silence. */
async function inspect (dir: string): Promise<void> {
  const names = await readdir(dir)

  // without CURRENT LevelDB begins anew and deletes what is there
  if (!names.includes('CURRENT') && names.some(name => /\.(ldb|sst|log)$/.test(name))) {
    throw new DamageError('its file CURRENT is missing')
  }

  for (const name of names.filter(name => name.endsWith('.log'))) {
    // somebody who has it open may remove it
    const log = await readFile(join(dir, name)).catch(err => {
      if (err.code === 'ENOENT') {
        return new Uint8Array(0)
      }

      throw explain(err, dir)
    })
    const damage = findLogDamage(log)

    if (damage != null) {
      throw new DamageError(`${name}: ${damage}`)
    }
  }
}

async function openLevel (dir: string): Promise<Level> {
  const level: Level = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer' })

  try {
    await level.open()
  } catch (err: any) {
    const cause = toError(err.cause ?? err)

    if (err.cause?.code === 'LEVEL_LOCKED') {
      throw lockedError(dir, cause)
    }

    if (isCorruption(cause)) {
      throw new DamageError(cause.message, { cause })
    }

    throw explain(cause, dir)
  }

  return level
}

/** True when the journal is new. */
async function checkVersion (level: Level, dir: string, version: number): Promise<boolean> {
  const stored = await level.get(VERSION_KEY)

  if (stored == null) {
    if ((await level.keys({ limit: 1 }).all()).length > 0) {
      throw new DamageError('the record of its version is missing')
    }

    await level.put(VERSION_KEY, encodeRecord(VERSION_KEY, Buffer.from(String(version))), { sync: true }).catch(err => { throw explain(err, dir) })

    return true
  }

  const value = decodeRecord(VERSION_KEY, stored)

  if (value == null) {
    throw new DamageError('the record of its version does not match its checksum')
  }

  const found = Buffer.from(value).toString()

  if (found !== String(version)) {
    throw new MeshmarkError('failed', `the journal ${dir} has format ${found} and this version of meshmark reads format ${version}: use the version that wrote it, or move ${dir} away to start anew`)
  }

  return false
}

/**
 * Moves the damaged database away and resolves with its new path. Opening is
 * the only way to learn whether another process lives in it, and may change it:
 * so it is copied first, and moved only when nobody could open it.
 */
async function setAside (dir: string): Promise<string> {
  const aside = `${dir}.damaged-${new Date().toISOString().replaceAll(':', '')}`

  await cp(dir, aside, { recursive: true, mode: constants.COPYFILE_FICLONE, errorOnExist: true, force: false }).catch(async err => {
    await rm(aside, { recursive: true, force: true })
    throw explain(err, dir)
  })

  try {
    const level = await openLevel(dir)

    try {
      // what can be opened is emptied while we hold its lock
      await level.clear()
    } finally {
      await level.close()
    }
  } catch (err) {
    await rm(aside, { recursive: true, force: true })

    if (!(err instanceof DamageError) && !isCorruption(err)) {
      throw err
    }

    await rename(dir, aside)
  }

  await syncDir(dirname(dir))

  return aside
}

/** One process at a time sets something aside. The parent folder is what is locked, so no file is left. */
async function guarded<T> (dir: string, work: () => Promise<T>): Promise<T> {
  // koffi is loaded only on this rare path
  const { lockHandle } = await import('./lock.ts')
  const parent = await open(dirname(dir), constants.O_RDONLY | constants.O_DIRECTORY)

  try {
    await lockHandle(parent, 'exclusive', dirname(dir))

    return await work()
  } finally {
    await parent.close()
  }
}

function damagedWhileOpen (dir: string, cause: unknown): MeshmarkError {
  return new MeshmarkError('failed', `the journal ${dir} is damaged (${toError(cause).message}): start again to have it set aside`, { cause })
}

async function logBytes (dir: string): Promise<number> {
  const names = (await readdir(dir)).filter(name => name.endsWith('.log'))
  const sizes = await Promise.all(names.map(async name => stat(join(dir, name)).then(({ size }) => size, () => 0)))

  return sizes.reduce((sum, size) => sum + size, 0)
}

/** LevelDB meets a file that is gone or cut short as an error of the file system. */
function isCorruption (err: any): boolean {
  return err?.code === 'LEVEL_CORRUPTION' || /^Corruption: |^IO error: .*: (No such file or directory|Is a directory|Invalid argument)$/.test(toError(err).message)
}

/** LevelDB gives the text of errno and not its number. */
function explain (err: any, dir: string): Error {
  const message = toError(err).message

  if (err instanceof MeshmarkError || err instanceof DamageError) {
    return err
  }

  if (/No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(message)) {
    return diskFullError(dir, err)
  }

  if (/Permission denied|Read-only file system|EACCES|EROFS/.test(message)) {
    return new MeshmarkError('failed', `the journal ${dir} cannot be written by this user: ${message}`, { cause: err })
  }

  return new MeshmarkError('failed', `the journal ${dir} does not work: ${message}`, { cause: err })
}
