import type { ChangedFact, FactStore, Position } from './fact-store.ts'

interface DrainRecord {
  drain: boolean
  /** The latest counts; at the same instant, that of the greater `by`. */
  atMs: number
  by: string
}

export interface DrainsOptions {
  facts: FactStore
  /** Of this master. */
  peerId: string
  /** A worker drains from now on, or takes work again; whoever said so. */
  onDrain: (worker: string, drain: boolean) => void
}

/** Which workers get nothing new, as all masters of the mesh know it. */
export class Drains {
  readonly #options: DrainsOptions
  readonly #records = new Map<string, DrainRecord>()

  constructor (options: DrainsOptions) {
    this.#options = options
  }

  /** Reads what is known, and follows it from then on. */
  async load (): Promise<void> {
    const { facts } = this.#options

    facts.onChange(changes => { changes.forEach(change => { this.#take(change) }) })

    for await (const { key, value } of facts.iterate('drain/')) {
      this.#take({ key, value })
    }
  }

  isDraining (worker: string): boolean {
    return this.#records.get(worker)?.drain === true
  }

  async set (worker: string, drain: boolean): Promise<Position> {
    // a master whose clock is ahead may have spoken before
    const atMs = Math.max(Date.now(), (this.#records.get(worker)?.atMs ?? 0) + 1)
    const record: DrainRecord = { drain, atMs, by: this.#options.peerId }

    return this.#options.facts.write([{ key: `drain/${worker}`, value: Buffer.from(JSON.stringify(record)) }])
  }

  #take ({ key, value }: Pick<ChangedFact, 'key' | 'value'>): void {
    if (!key.startsWith('drain/') || value == null) {
      return
    }

    const worker = key.slice('drain/'.length)
    const wasDraining = this.isDraining(worker)

    this.#records.set(worker, readRecord(value))

    if (this.isDraining(worker) !== wasDraining) {
      this.#options.onDrain(worker, !wasDraining)
    }
  }
}

/** Of a mesh from before there were several masters, the key alone meant that it drains. */
function readRecord (value: Uint8Array): DrainRecord {
  return value.byteLength === 0 ? { drain: true, atMs: 0, by: '' } : JSON.parse(Buffer.from(value).toString())
}
