import { ulid } from 'ulid'
import { toError } from '../../../model/errors.ts'
import { Draft, logKey } from './draft.ts'
import { buriedBy, isFact } from './facts.ts'
import { beginAnew, Graveyard } from './graveyard.ts'
import { LogIndex } from './log-index.ts'
import { isResult, RecentFacts } from './recent-facts.ts'
import type { Change, Entry, FactRecord } from './draft.ts'
import type { Position, Vector } from './log-index.ts'
import type { Journal } from '../../../store/journal.ts'

export { covers } from './log-index.ts'
export type { Change, Entry, FactRecord } from './draft.ts'
export type { Position, Vector } from './log-index.ts'

export interface ReplicaOptions {
  /** Of this master. */
  peerId: string
  onProblem?: (line: string) => void
}

interface Call {
  work: (draft: Draft) => Promise<void>
  records: number
  settle: (err?: Error) => void
}

/** Records that one batch takes up together; calls are not divided. */
const GROUP_RECORDS = 4096
/** Where the number of damaged records is kept that the log has been made anew for. */
const DAMAGE_KEY = 'local/replica-damage'
const LOG = 'log/'
/** Behind every key of the log. */
const AFTER_LOG = 'log/\u{10ffff}'
const PAGE_BYTES = 4 * 1024 * 1024
/** Of an entry beside its key and value, as it travels. */
const ENTRY_BYTES = 128

/**
 * The shell around the facts: keeps them in the journal under their own keys,
 * and beside them the log of each origin, `log/<origin>/<number>` -> key. A fact
 * and the entry that names it are always in one batch.
 *
 * An origin is one start of one master, so a data folder that was copied or
 * brought back from a backup never uses a number twice.
 */
export class Replica {
  readonly #journal: Journal
  readonly #index: LogIndex
  readonly #onProblem: (line: string) => void
  readonly #buried = new Set<string>()
  readonly #listeners = new Set<(changes: Change[]) => void>()
  readonly #calls: Call[] = []
  /** Of failed writes: what they would have changed may be there all the same. */
  readonly #doubtful = new Set<string>()
  readonly #recent = new RecentFacts()
  #graveyard!: Graveyard
  #draining?: Promise<void>

  private constructor (journal: Journal, options: ReplicaOptions) {
    this.#journal = journal
    this.#index = new LogIndex(`${options.peerId}.${ulid()}`)
    this.#onProblem = options.onProblem ?? (() => {})
  }

  /** Takes up what the journal has, also that of a master which knew no others. */
  static async open (journal: Journal, options: ReplicaOptions): Promise<Replica> {
    if (await beginAnew(journal)) {
      options.onProblem?.(`the jobs in ${journal.dir} were out of date and are gone: the other masters send theirs`)
    }

    const replica = new Replica(journal, options)

    replica.#graveyard = await Graveyard.open({ journal, remove: async keys => replica.remove(keys) })
    await replica.#readLog(await replica.#forgetLogAfterDamage())
    await replica.#adopt()

    return replica
  }

  /** Of this start of this master. */
  get origin (): string {
    return this.#index.origin
  }

  /** What another master must have reached to have all that was written here. */
  get position (): Position {
    return { origin: this.origin, seq: this.#index.last(this.origin) }
  }

  get graveyard (): Graveyard {
    return this.#graveyard
  }

  vector (): Map<string, number> {
    return this.#index.vector()
  }

  /**
   * Merges, logs and syncs, in one batch with what others write at this moment.
   * What changes nothing is not logged again. Resolves with the place that
   * another master must have reached to have it all.
   */
  async write (records: FactRecord[]): Promise<Position> {
    let position: Position = { origin: this.origin, seq: 0 }

    await this.#enqueue(records.length, async draft => { position = await draft.write(records) })

    return position
  }

  /**
   * What another master sent, from any origin; on the disk when it resolves.
   * What is known already is passed over. Rejects, and takes nothing, when an
   * entry does not follow what is known of its origin.
   */
  async take (entries: Entry[]): Promise<void> {
    await this.#enqueue(entries.length, async draft => {
      draft.checkFollowing(entries)
      await draft.take(entries)
    })
  }

  /** Removes facts without a tombstone: they may come again. */
  async remove (keys: Iterable<string>): Promise<void> {
    const gone = [...keys]

    await this.#enqueue(gone.length, async draft => { draft.remove(gone) })
  }

  /** What somebody with this vector lacks, in pages of about this many bytes, at least one entry each. */
  async * missing (vector: Vector, maxBytes = PAGE_BYTES): AsyncGenerator<Entry[]> {
    let page: Entry[] = []
    let bytes = 0

    for (const { origin, seq, named } of this.#index.missing(vector)) {
      // what has been dropped meanwhile names nothing
      const key = named ? Buffer.from(await this.#journal.get(logKey({ origin, seq })) ?? []).toString() : ''
      const value = key === '' ? undefined : await this.#journal.get(key)
      const size = ENTRY_BYTES + key.length + (value?.byteLength ?? 0)

      if (page.length > 0 && bytes + size > maxBytes) {
        yield page
        page = []
        bytes = 0
      }

      page.push({ origin, seq, key, value })
      bytes += size
    }

    if (page.length > 0) {
      yield page
    }
  }

  async get (key: string): Promise<Uint8Array | undefined> {
    const recent = this.#recent.get(key)

    // each of many results is looked for before it is written
    if (recent != null || (isResult(key) && !this.#index.has(key) && !this.#doubtful.has(key))) {
      return recent
    }

    return this.#journal.get(key)
  }

  keys (prefix: string): AsyncGenerator<string> {
    return this.#journal.keys(prefix)
  }

  iterate (prefix: string): AsyncGenerator<{ key: string, value: Uint8Array }> {
    return this.#journal.iterate(prefix)
  }

  /** Has this job been pruned? It is never taken in again while its tombstone lives. */
  isBuried (job: string): boolean {
    return this.#buried.has(job)
  }

  /** Called with what changed once it is on the disk. Returns what ends it. */
  onChange (listener: (changes: Change[]) => void): () => void {
    this.#listeners.add(listener)

    return () => { this.#listeners.delete(listener) }
  }

  async #enqueue (records: number, work: (draft: Draft) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ work, records, settle: err => { err == null ? resolve() : reject(err) } })
      this.#draining ??= this.#drain()
    })
  }

  async #drain (): Promise<void> {
    // what is said in the same breath goes together
    await Promise.resolve()

    while (this.#calls.length > 0) {
      await this.#writeGroup(this.#takeGroup())
    }

    // in the same turn in which the queue was seen empty
    this.#draining = undefined
  }

  #takeGroup (): Call[] {
    let records = 0
    const end = this.#calls.findIndex((call, at) => {
      records += call.records

      return at > 0 && records > GROUP_RECORDS
    })

    return this.#calls.splice(0, end < 0 ? this.#calls.length : end)
  }

  /** Those that wait share a batch; when it fails each has one of its own, so that nobody suffers for another. */
  async #writeGroup (calls: Call[]): Promise<void> {
    try {
      const changes = await this.#commit(calls.map(({ work }) => work))

      calls.forEach(({ settle }) => { settle() })
      this.#tell(changes)
    } catch (err) {
      const [first] = calls

      if (calls.length > 1) {
        for (const call of calls) {
          await this.#writeGroup([call])
        }
      } else {
        first?.settle(toError(err))
      }
    }
  }

  async #commit (works: Array<(draft: Draft) => Promise<void>>): Promise<Change[]> {
    const doubtful = [...this.#doubtful]
    const draft = new Draft({ get: async key => this.#journal.get(key), keys: prefix => this.#keys(prefix) }, this.#index, this.#buried)

    await draft.doubt(doubtful)

    for (const work of works) {
      await work(draft)
    }

    try {
      await this.#journal.batch(draft.operations())
    } catch (err) {
      for (const key of draft.touched()) {
        this.#doubtful.add(key)
        this.#recent.forget(key)
      }

      throw err
    }

    doubtful.forEach(key => { this.#doubtful.delete(key) })

    const changes = draft.commit(this.#buried)

    draft.touched().forEach(key => { this.#recent.forget(key) })
    changes.forEach(({ key, value }) => { this.#recent.note(key, value) })

    return changes
  }

  #tell (changes: Change[]): void {
    for (const listener of changes.length === 0 ? [] : [...this.#listeners]) {
      try {
        listener(changes)
      } catch (err) {
        this.#onProblem(`facts: ${toError(err).message}`)
      }
    }
  }

  async * #keys (prefix: string): AsyncGenerator<string> {
    for await (const { key } of this.#journal.iterate(prefix)) {
      yield key
    }
  }

  /**
   * After the loss of a record the log would say that we have what we have not.
   * Without the log everybody sends everything once more, and the rest of what
   * is here is told anew as our own. Resolves with the number of records lost.
   */
  async #forgetLogAfterDamage (): Promise<number> {
    const stored = await this.#journal.get(DAMAGE_KEY)
    let damaged = 0

    for await (const { key } of this.#journal.iterate('damaged/')) {
      damaged += isFact(key.slice('damaged/'.length)) || key.startsWith('damaged/log/') ? 1 : 0
    }

    if (damaged === Number(Buffer.from(stored ?? '0').toString())) {
      return 0
    }

    for (let keys = await this.#first('log/'); keys.length > 0; keys = await this.#first('log/')) {
      await this.#journal.batch(keys.map(key => ({ type: 'del', key })))
    }

    // last: until it is there, the next start does it once more
    await this.#journal.put(DAMAGE_KEY, Buffer.from(String(damaged)))

    return damaged
  }

  async #first (prefix: string): Promise<string[]> {
    const keys: string[] = []

    for await (const { key } of this.#journal.iterate(prefix, { limit: GROUP_RECORDS })) {
      keys.push(key)
    }

    return keys
  }

  async #readLog (damaged: number): Promise<void> {
    if (damaged > 0) {
      this.#onProblem(`${damaged} ${damaged === 1 ? 'record' : 'records'} of the journal ${this.#journal.dir} had to be set aside: other masters are asked for everything once more`)
    }

    let marker: string | undefined
    const spent: string[] = []

    for await (const { key, value } of this.#journal.iterate('log/')) {
      const [, origin = '', number = ''] = key.split('/')

      // one that says how far a log went is of no use before a later one
      if (marker?.startsWith(`log/${origin}/`) === true) {
        spent.push(marker)
      }

      marker = value.byteLength === 0 ? key : undefined
      this.#index.restore(origin, Number(number), Buffer.from(value).toString())
    }

    spent.push(...this.#index.dropEnded().map(logKey))

    for (let start = 0; start < spent.length; start += GROUP_RECORDS) {
      await this.#journal.batch(spent.slice(start, start + GROUP_RECORDS).map(key => ({ type: 'del', key })))
    }
  }

  /** Facts that no log names become ours: of a master that was alone, or after damage. */
  async #adopt (): Promise<void> {
    let unnamed: string[] = []
    const adopt = async (): Promise<void> => {
      const keys = unnamed

      unnamed = []
      await this.#commit([async draft => draft.doubt(keys)])
    }

    // the log itself is the half of it, and names no facts by its keys
    for (const [gt, lt] of [['', LOG], [AFTER_LOG, undefined]] as const) {
      for await (const key of this.#journal.keys('', { gt, lt })) {
        const job = buriedBy(key)

        if (job != null) {
          this.#buried.add(job)
        }

        if (isFact(key) && !this.#index.has(key)) {
          unnamed.push(key)
        }

        if (unnamed.length === GROUP_RECORDS) {
          await adopt()
        }
      }
    }

    if (unnamed.length > 0) {
      await adopt()
    }
  }
}
