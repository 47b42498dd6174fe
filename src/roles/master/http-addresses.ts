import type { Replica } from './replica/replica.ts'

/** Where one master answers over HTTP. */
interface HttpRecord {
  urls: string[]
  /** The latest counts. */
  atMs: number
}

const PREFIX = 'http/'

/** Masters with an HTTP interface, as all masters of the mesh know them: whoever loses one can move on. */
export class HttpAddresses {
  readonly #replica: Replica
  readonly #self: string
  readonly #records = new Map<string, HttpRecord>()

  constructor (replica: Replica, self: string) {
    this.#replica = replica
    this.#self = self
  }

  async load (): Promise<void> {
    this.#replica.onChange(changes => { changes.forEach(({ key, value }) => { this.#take(key, value) }) })

    for await (const { key, value } of this.#replica.iterate(PREFIX)) {
      this.#take(key, value)
    }
  }

  /** Of a master by its peer id; empty = it has none. */
  of (peerId: string): string[] {
    return this.#records.get(peerId)?.urls ?? []
  }

  /** Of every master that has told some. */
  all (): string[] {
    return [...this.#records.values()].flatMap(({ urls }) => urls)
  }

  /** None = this master has no HTTP interface any more. */
  async announce (urls: string[]): Promise<void> {
    const known = this.#records.get(this.#self)

    if ((known?.urls ?? []).join() !== urls.join()) {
      const record: HttpRecord = { urls, atMs: Math.max(Date.now(), (known?.atMs ?? 0) + 1) }

      await this.#replica.write([{ key: PREFIX + this.#self, value: Buffer.from(JSON.stringify(record)) }])
    }
  }

  #take (key: string, value: Uint8Array): void {
    if (!key.startsWith(PREFIX)) {
      return
    }

    try {
      const { urls, atMs } = JSON.parse(Buffer.from(value).toString())

      // written by another master, maybe of another version
      if (Array.isArray(urls) && urls.every(url => typeof url === 'string' && url.length < 300) && Number.isFinite(atMs)) {
        this.#records.set(key.slice(PREFIX.length), { urls: urls.slice(0, 16), atMs })
      }
    } catch {
      // a record that cannot be read names no address
    }
  }
}
