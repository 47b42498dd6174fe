import { MeshmarkError } from '../../../model/errors.ts'
import { buriedBy, conflictOf, isFact, jobOf, keysOfJob, merge } from './facts.ts'
import type { LogEntry, LogIndex, Position } from './log-index.ts'
import type { Operation } from '../../../store/journal.ts'

/** A fact as it is given to be written. */
export interface FactRecord {
  key: string
  value: Uint8Array
}

/** What one master tells another: that a fact changed, and what it is today. No value: it is gone since. */
export interface Entry extends LogEntry {
  value?: Uint8Array
}

export interface Change extends FactRecord {
  /** Another master wrote it. */
  elsewhere: boolean
}

/** What is on the disk, as a draft needs it. */
export interface Stored {
  get: (key: string) => Promise<Uint8Array | undefined>
  keys: (prefix: string) => AsyncIterable<string>
}

const NONE = new Uint8Array(0)

export function logKey ({ origin, seq }: Position): string {
  return `log/${origin}/${String(seq).padStart(12, '0')}`
}

/**
 * What one batch will write: the calls of a group are worked into it one after
 * the other, and each sees what those before it did. Nothing has happened before
 * its operations are on the disk and `commit` has been called.
 */
export class Draft {
  readonly #stored: Stored
  readonly #index: LogIndex
  readonly #buried: ReadonlySet<string>
  /** Undefined = deleted. */
  readonly #values = new Map<string, Uint8Array | undefined>()
  readonly #log: LogEntry[] = []
  readonly #lasts = new Map<string, number>()
  readonly #dropped = new Set<string>()
  readonly #doubted = new Set<string>()
  readonly #newlyBuried = new Set<string>()
  readonly #changes = new Map<string, Change>()

  /** `buried` are the jobs that have tombstones. */
  constructor (stored: Stored, index: LogIndex, buried: ReadonlySet<string>) {
    this.#stored = stored
    this.#index = index
    this.#buried = buried
  }

  /** Facts of this master's own; resolves with what others must have to have them all. */
  async write (records: FactRecord[]): Promise<Position> {
    const appended: Position[] = []
    const unchanged: string[] = []

    for (const { key, value } of records) {
      const job = jobOf(key)

      if (!isFact(key)) {
        throw new Error(`not a fact: ${key}`)
      }

      if (job != null && this.#isBuried(job)) {
        unchanged.push(`tombstone/${job}`)
      } else if (await this.#merge(key, value, false)) {
        appended.push(this.#append(key))
      } else {
        unchanged.push(key)
      }
    }

    return this.#positionOf(appended, unchanged)
  }

  /** Throws when one of the entries does not follow what is known of its origin. Call it before `take`. */
  checkFollowing (entries: Entry[]): void {
    const lasts = new Map<string, number>()

    for (const { origin, seq, key } of entries) {
      const last = lasts.get(origin) ?? this.#last(origin)

      if (!Number.isSafeInteger(seq) || seq < 1 || !/^[^/]{1,200}\.[0-9A-Z]{26}$/.test(origin)) {
        throw new MeshmarkError('refused', `not a place in a log: ${JSON.stringify(origin.slice(0, 80))} ${seq}`)
      }

      if (key !== '' && !isFact(key)) {
        throw new MeshmarkError('refused', `not a fact: ${JSON.stringify(key.slice(0, 80))}`)
      }

      if (seq > last && origin === this.#index.origin) {
        throw new MeshmarkError('refused', `entry ${seq} of this master's own log, which ends at ${last}: another one uses its identity`)
      }

      if (seq > last + 1 && key !== '') {
        throw new MeshmarkError('refused', `entry ${seq} of ${origin} came after entry ${last}`)
      }

      lasts.set(origin, Math.max(last, seq))
    }
  }

  async take (entries: Entry[]): Promise<void> {
    for (const { origin, seq, key, value } of entries) {
      if (seq <= this.#last(origin)) {
        continue
      }

      const job = jobOf(key)
      const gone = key === '' || value == null || (job != null && this.#isBuried(job))

      // noted first: what a tombstone takes away, its entry among it, is looked up there
      this.#note({ origin, seq, key: gone ? '' : key })

      if (!gone) {
        await this.#merge(key, value, true)
      }
    }
  }

  /** Without a tombstone: for what may come back, or has an end that everybody knows. */
  remove (keys: Iterable<string>): void {
    for (const key of keys) {
      this.#delete(key)
    }
  }

  /** Facts that a failed write may or may not have changed: told anew, in case it has. */
  async doubt (keys: Iterable<string>): Promise<void> {
    for (const key of keys) {
      this.#doubted.add(key)

      const value = isFact(key) ? await this.#get(key) : undefined

      if (value != null) {
        this.#append(key)
        this.#changes.set(key, { key, value, elsewhere: true })
      }
    }
  }

  operations (): Operation[] {
    const operations = new Map<string, Uint8Array | undefined>(this.#values)

    for (const key of this.#dropped) {
      for (const position of this.#index.positionsOf(key)) {
        // the last one stays, without its key: it says how far the log went
        operations.set(logKey(position), position.seq === this.#last(position.origin) ? NONE : undefined)
      }
    }

    for (const entry of this.#log) {
      operations.set(logKey(entry), Buffer.from(entry.key))
    }

    return [...operations].map(([key, value]) => value == null ? { type: 'del', key } : { type: 'put', key, value })
  }

  /** Keys of facts that a failure leaves in doubt. */
  touched (): string[] {
    return [...this.#values.keys()]
  }

  /** It is on the disk. Returns what others will want to hear of. */
  commit (buried: Set<string>): Change[] {
    this.#index.drop(this.#dropped)
    this.#log.forEach(({ origin, seq, key }) => this.#index.note(origin, seq, key))
    this.#newlyBuried.forEach(id => buried.add(id))

    for (const key of this.#values.keys()) {
      const id = buriedBy(key)

      if (id != null && this.#values.get(key) == null) {
        buried.delete(id)
      }
    }

    return [...this.#changes.values()]
  }

  /** True when the fact changed. */
  async #merge (key: string, value: Uint8Array, elsewhere: boolean): Promise<boolean> {
    const mine = await this.#get(key)
    const aside = conflictOf(key, mine, value)
    const merged = merge(key, mine, value)

    if (aside != null && await this.#get(aside.key) == null) {
      // in our own log too: whoever hears of the key hears only of the one that stays
      this.#put(aside.key, aside.value, elsewhere)
      this.#append(aside.key)
    }

    if (merged == null) {
      return false
    }

    this.#put(key, merged, elsewhere)

    const job = buriedBy(key)

    if (job != null) {
      await this.#bury(job)
    }

    return true
  }

  async #bury (id: string): Promise<void> {
    const { keys, prefixes } = keysOfJob(id)

    this.#newlyBuried.add(id)
    keys.forEach(key => { this.#delete(key) })

    for (const prefix of prefixes) {
      for await (const key of this.#stored.keys(prefix)) {
        this.#delete(key)
      }

      for (const key of [...this.#values.keys()].filter(key => key.startsWith(prefix))) {
        this.#delete(key)
      }
    }
  }

  /**
   * One place that covers everything: that of the entry which brought it when
   * there is only one, or when the latest is our own. Otherwise it takes several
   * entries to make up what is here, and one more of ours says it all.
   */
  #positionOf (appended: Position[], unchanged: string[]): Position {
    const own = this.#index.origin
    const held = unchanged.map(key => ({ key, position: this.#wholeAt(key) }))
    const elsewhere = held[0]?.position?.origin

    if (appended.length === 0 && elsewhere != null && held.every(({ position }) => position?.origin === elsewhere)) {
      return { origin: elsewhere, seq: Math.max(...held.map(({ position }) => position!.seq)) }
    }

    const positions = [...appended, ...held.map(({ key, position }) => position?.origin === own ? position : this.#append(key))]

    return { origin: own, seq: Math.max(0, ...positions.map(({ seq }) => seq)) }
  }

  #wholeAt (key: string): Position | undefined {
    const positions = [...this.#dropped.has(key) ? [] : this.#index.positionsOf(key), ...this.#log.filter(entry => entry.key === key)]
    const last = positions.at(-1)

    return positions.length === 1 || last?.origin === this.#index.origin ? last : undefined
  }

  #append (key: string): Position {
    const position = { origin: this.#index.origin, seq: this.#last(this.#index.origin) + 1 }

    this.#note({ ...position, key })

    return position
  }

  #note (entry: LogEntry): void {
    this.#log.push({ ...entry })
    this.#lasts.set(entry.origin, entry.seq)
  }

  #last (origin: string): number {
    return this.#lasts.get(origin) ?? this.#index.last(origin)
  }

  #put (key: string, value: Uint8Array, elsewhere: boolean): void {
    this.#values.set(key, value)
    this.#changes.set(key, { key, value, elsewhere })
  }

  #delete (key: string): void {
    this.#values.set(key, undefined)
    this.#changes.delete(key)
    this.#dropped.add(key)

    for (const entry of this.#log) {
      if (entry.key === key) {
        entry.key = ''
      }
    }
  }

  async #get (key: string): Promise<Uint8Array | undefined> {
    if (this.#values.has(key)) {
      return this.#values.get(key)
    }

    // a fact that is here is named; to ask the disk for each new one costs more than to write it
    return this.#index.has(key) || this.#doubted.has(key) ? this.#stored.get(key) : undefined
  }

  #isBuried (id: string): boolean {
    return this.#newlyBuried.has(id) || this.#buried.has(id)
  }
}
