import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../../store/files.ts'

const VERSION = 1

/** Versions of programs by what tells their files apart, kept from one life of a worker to the next. */
export class KnownTools {
  readonly #path: string
  readonly #versions: Map<string, string>

  private constructor (path: string, versions: Map<string, string>) {
    this.#path = path
    this.#versions = versions
  }

  /** What cannot be read is asked for again. */
  static async open (path: string): Promise<KnownTools> {
    return new KnownTools(path, new Map(await read(path).catch(() => [])))
  }

  has (stamp: string): boolean {
    return this.#versions.has(stamp)
  }

  get (stamp: string): string | undefined {
    return this.#versions.get(stamp)
  }

  set (stamp: string, version: string): void {
    this.#versions.set(stamp, version)
  }

  /** @param stamps - of the programs that are still there */
  async save (stamps: readonly string[]): Promise<void> {
    await writeFileAtomic(this.#path, JSON.stringify({ version: VERSION, tools: stamps.flatMap(stamp => this.has(stamp) ? [[stamp, this.get(stamp)]] : []) }))
  }
}

async function read (path: string): Promise<Array<[string, string]>> {
  const { version, tools } = JSON.parse(await readFile(path, 'utf8')) as { version?: unknown, tools?: unknown }

  return version === VERSION && Array.isArray(tools)
    ? tools.filter((entry): entry is [string, string] => Array.isArray(entry) && entry.length === 2 && entry.every(part => typeof part === 'string' && part.length < 8_192))
    : []
}
