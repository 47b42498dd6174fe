import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../../../store/files.ts'

const VERSION = 1

/** A build that may be used again. */
export interface Built {
  /** Id of what it left, in the worker's own store. */
  product: string
  compiler?: string
  wallMs: number
}

/** Which builds there are, by key; what was not used for longest goes first. */
export class BuildIndex {
  readonly #path: string
  readonly #max: number
  /** The last one was used last. */
  readonly #entries: Map<string, Built>
  #writing: Promise<void> = Promise.resolve()

  private constructor (path: string, max: number, entries: Map<string, Built>) {
    this.#path = path
    this.#max = max
    this.#entries = entries
  }

  /** What cannot be read is built again. */
  static async open (path: string, max: number): Promise<BuildIndex> {
    return new BuildIndex(path, max, new Map(await read(path).catch(() => [])))
  }

  /** Counts as a use. */
  get (key: string): Built | undefined {
    const found = this.#entries.get(key)

    if (found != null) {
      this.#entries.delete(key)
      this.#entries.set(key, found)
    }

    return found
  }

  /** Resolves when it is on the disk, as far as anything of this must be. */
  async set (key: string, built: Built): Promise<void> {
    this.#entries.delete(key)
    this.#entries.set(key, built)

    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) {
        break
      }

      this.#entries.delete(oldest)
    }

    await this.#save()
  }

  async delete (key: string): Promise<void> {
    if (this.#entries.delete(key)) {
      await this.#save()
    }
  }

  async #save (): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(async () => writeFileAtomic(this.#path, JSON.stringify({ version: VERSION, builds: [...this.#entries] })))
    await this.#writing
  }
}

async function read (path: string): Promise<Array<[string, Built]>> {
  const { version, builds } = JSON.parse(await readFile(path, 'utf8')) as { version?: unknown, builds?: unknown }

  return version === VERSION && Array.isArray(builds) ? builds.filter(isEntry) : []
}

function isEntry (entry: unknown): entry is [string, Built] {
  if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== 'string' || entry[1] == null) {
    return false
  }

  const { product, compiler, wallMs } = entry[1] as Partial<Record<keyof Built, unknown>>

  return typeof product === 'string' && /^[0-9a-f]{64}$/.test(product) && (compiler == null || typeof compiler === 'string') && typeof wallMs === 'number'
}
