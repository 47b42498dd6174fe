import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { ensurePrivateDir, writeFileAtomic } from '../../store/files.ts'
import type { KnownDigests } from '../../node/payload/known-digests.ts'

/** Before every entry, so that another form of it is no entry. */
const HEADER = Buffer.from('meshmark-digests-1\n')
const DIGEST_BYTES = 32
const NAME = /^[0-9a-f]{64}$/

/** Of at most half a megabyte each. */
const MAX_ENTRIES = 64

/**
 * What large files were found to have, in a folder of this client: a file for
 * each set of them, with the SHA-256 of its chunks, and one over all of that.
 * Nothing depends on it: what is damaged, gone or cannot be written is found
 * out again.
 */
export class DigestCache implements KnownDigests {
  readonly #dir: string

  /** @param dir - made when there is something to keep */
  constructor (dir: string) {
    this.#dir = dir
  }

  async find (key: string, count: number): Promise<Uint8Array[] | undefined> {
    const path = join(this.#dir, key)
    const bytes = await readFile(path).catch(() => undefined)

    if (bytes == null) {
      return undefined
    }

    const body = bytes.subarray(HEADER.byteLength, -DIGEST_BYTES)

    if (bytes.byteLength !== HEADER.byteLength + (count + 1) * DIGEST_BYTES || !bytes.subarray(0, HEADER.byteLength).equals(HEADER) || !sumOf(key, body).equals(bytes.subarray(-DIGEST_BYTES))) {
      await rm(path, { force: true }).catch(() => {})

      return undefined
    }

    const now = new Date()

    // those that are used stay
    await utimes(path, now, now).catch(() => {})

    return Array.from({ length: count }, (_, at) => new Uint8Array(body.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES)))
  }

  async keep (key: string, chunks: readonly Uint8Array[]): Promise<void> {
    const body = Buffer.concat(chunks)

    try {
      await ensurePrivateDir(this.#dir)
      await writeFileAtomic(join(this.#dir, key), Buffer.concat([HEADER, body, sumOf(key, body)]))
      await this.#makeRoom()
    } catch {
      // a full disk is no reason to send nothing
    }
  }

  async #makeRoom (): Promise<void> {
    const names = (await readdir(this.#dir)).filter(name => NAME.test(name))

    if (names.length <= MAX_ENTRIES) {
      return
    }

    const entries = await Promise.all(names.map(async name => ({ name, usedMs: await stat(join(this.#dir, name)).then(({ mtimeMs }) => mtimeMs, () => 0) })))

    for (const { name } of entries.sort((a, b) => b.usedMs - a.usedMs).slice(MAX_ENTRIES)) {
      await rm(join(this.#dir, name), { force: true })
    }
  }
}

function sumOf (key: string, body: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(body).digest()
}
