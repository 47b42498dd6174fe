import { isLoopback } from '../place.ts'
import { followFacts } from './fact-records.ts'
import type { Replica } from './replica/replica.ts'

/** Where one master answers over HTTP. */
interface HttpRecord {
  urls: string[]
  /** The latest counts. */
  atMs: number
  /** Where its loopback addresses mean that master; see place.ts. */
  place?: string
}

const PREFIX = 'http/'

/** Masters with an HTTP interface, as all masters of the mesh know them: whoever loses one can move on. */
export class HttpAddresses {
  readonly #replica: Replica
  readonly #self: string
  readonly #place: string
  readonly #records = new Map<string, HttpRecord>()

  constructor (replica: Replica, self: string, place: string) {
    this.#replica = replica
    this.#self = self
    this.#place = place
  }

  async load (): Promise<void> {
    await followFacts(this.#replica, PREFIX, ({ key, value }) => { this.#take(key, value) })
  }

  /**
   * Of a master by its peer id; empty = it has none. A loopback address of
   * another machine is left out: here it would be anybody's, and a page would
   * take its token there.
   */
  of (peerId: string): string[] {
    const { urls = [], place } = this.#records.get(peerId) ?? {}

    return place === this.#place ? urls : urls.filter(url => !isLoopback(url))
  }

  /** Of every master that has told some. */
  all (): string[] {
    return [...this.#records.keys()].flatMap(peerId => this.of(peerId))
  }

  /** All that is told, loopback addresses of other machines too: for people, who can make a tunnel to them. */
  masters (): Array<{ peerId: string, urls: string[], place?: string }> {
    return [...this.#records].flatMap(([peerId, { urls, place }]) => urls.length === 0 ? [] : [{ peerId, urls, ...(place == null ? {} : { place }) }])
  }

  /** None = this master has no HTTP interface any more. */
  async announce (urls: string[]): Promise<void> {
    const known = this.#records.get(this.#self)

    if ((known?.urls ?? []).join() !== urls.join() || (urls.length > 0 && known?.place !== this.#place)) {
      const record: HttpRecord = { urls, place: this.#place, atMs: Math.max(Date.now(), (known?.atMs ?? 0) + 1) }

      await this.#replica.write([{ key: PREFIX + this.#self, value: Buffer.from(JSON.stringify(record)) }])
    }
  }

  #take (key: string, value: Uint8Array): void {
    try {
      const { urls, atMs, place } = JSON.parse(Buffer.from(value).toString())

      // written by another master, maybe of another version
      if (Array.isArray(urls) && urls.every(url => typeof url === 'string' && url.length < 300) && Number.isFinite(atMs)) {
        this.#records.set(key.slice(PREFIX.length), { urls: urls.slice(0, 16), atMs, ...(typeof place === 'string' ? { place } : {}) })
      }
    } catch {
      // a record that cannot be read names no address
    }
  }
}
