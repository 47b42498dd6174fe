import { followFacts } from './fact-records.ts'
import type { Change, Position, Replica } from './replica/replica.ts'

/** What was said of a worker last. */
export interface DrainRecord {
  drain: boolean
  /** The latest counts; at the same instant, that of the greater `by`. */
  atMs: number
  by: string
}

export interface DrainsOptions {
  replica: Replica
  /** Of this master. */
  peerId: string
  /** A worker drains from now on, or takes work again; whoever said so. */
  onDrain: (worker: string, record: DrainRecord) => void
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
    await followFacts(this.#options.replica, 'drain/', change => { this.#take(change) })
  }

  isDraining (worker: string): boolean {
    return this.#records.get(worker)?.drain === true
  }

  recordOf (worker: string): DrainRecord | undefined {
    return this.#records.get(worker)
  }

  async set (worker: string, drain: boolean): Promise<Position> {
    // a master whose clock is ahead may have spoken before
    const atMs = Math.max(Date.now(), (this.#records.get(worker)?.atMs ?? 0) + 1)
    const record: DrainRecord = { drain, atMs, by: this.#options.peerId }

    return this.#options.replica.write([{ key: `drain/${worker}`, value: Buffer.from(JSON.stringify(record)) }])
  }

  #take ({ key, value }: Change): void {
    const worker = key.slice('drain/'.length)
    const before = this.#records.get(worker)
    const record = readRecord(value)

    this.#records.set(worker, record)

    // said also when it is the same word again: the worker may have another one of another master
    if (before?.atMs !== record.atMs || before.by !== record.by || before.drain !== record.drain) {
      this.#options.onDrain(worker, record)
    }
  }
}

/** Of a mesh from before there were several masters, the key alone meant that it drains. */
function readRecord (value: Uint8Array): DrainRecord {
  return value.byteLength === 0 ? { drain: true, atMs: 0, by: '' } : JSON.parse(Buffer.from(value).toString())
}
