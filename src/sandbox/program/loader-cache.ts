import { readFileSync, statSync } from 'node:fs'

/** The new format, alone or behind the old one; glibc's sysdeps/generic/dl-cache.h. */
const MAGIC = 'glibc-ld.so.cache1.1'
const HEADER_BYTES = 48
const ENTRY_BYTES = 24

/** Caches of large systems have some 10,000 entries and 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Where the loader's cache says that libraries are. Nothing in it when there is
 * no cache or it cannot be read: the loader then searches folders too.
 */
export class LoaderCache {
  /** From the header on, from which offsets of strings count. */
  readonly #cache: Buffer
  readonly #entries: number

  constructor (file: Buffer) {
    const start = file.indexOf(MAGIC, 0, 'latin1')

    this.#cache = file.subarray(start === -1 ? file.length : start)

    // Only little-endian machines are read; on others the count is absurd and the folders decide.
    const count = this.#cache.length < HEADER_BYTES ? 0 : this.#cache.readUInt32LE(20)

    this.#entries = count > (this.#cache.length - HEADER_BYTES) / ENTRY_BYTES ? 0 : count
  }

  static read (path = '/etc/ld.so.cache'): LoaderCache {
    try {
      return new LoaderCache(statSync(path).size > MAX_BYTES ? Buffer.alloc(0) : readFileSync(path))
    } catch {
      return new LoaderCache(Buffer.alloc(0))
    }
  }

  /** Paths, best first. Entries are compared where they lie: to read all of them takes as long as all else that is looked at of a program. */
  find (library: string): string[] {
    const cache = this.#cache
    const name = Buffer.from(`${library}\0`)
    const found: string[] = []

    for (let i = 0; i < this.#entries; i++) {
      const entry = HEADER_BYTES + i * ENTRY_BYTES
      const at = cache.readUInt32LE(entry + 4)

      if (cache[at] === name[0] && cache.subarray(at, at + name.length).equals(name)) {
        const path = this.#stringAt(cache.readUInt32LE(entry + 8))

        found.push(...path.startsWith('/') ? [path] : [])
      }
    }

    return found
  }

  #stringAt (offset: number): string {
    const cache = this.#cache
    const end = cache.indexOf(0, offset)

    return offset >= cache.length || end === -1 || end - offset > 4096 ? '' : cache.toString('utf8', offset, end)
  }
}
