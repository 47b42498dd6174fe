import type { ChangedFact, Fact, FactStore, Position } from './fact-store.ts'
import type { Journal } from '../../store/journal.ts'

/** The facts of a master that has no fellows: its journal as it is. */
export class JournalFacts implements FactStore {
  readonly #journal: Journal
  readonly #listeners: Array<(changes: readonly ChangedFact[]) => void> = []
  #seq = 0

  constructor (journal: Journal) {
    this.#journal = journal
  }

  async write (records: Fact[]): Promise<Position> {
    await Promise.all(records.map(async ({ key, value }) => this.#journal.put(key, value, { durable: true })))
    this.#listeners.forEach(listener => { listener(records.map(fact => ({ ...fact, elsewhere: false }))) })

    return { origin: '', seq: ++this.#seq }
  }

  async get (key: string): Promise<Uint8Array | undefined> {
    return this.#journal.get(key)
  }

  iterate (prefix: string): AsyncIterable<Fact> {
    return this.#journal.iterate(prefix)
  }

  async remove (keys: string[]): Promise<void> {
    await Promise.all(keys.map(async key => this.#journal.del(key)))
  }

  onChange (listener: (changes: readonly ChangedFact[]) => void): void {
    this.#listeners.push(listener)
  }
}
