import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MIN_KNOWN_BYTES } from '../../../src/node/payload/known-digests.ts'
import { packFiles } from '../../../src/node/payload/pack.ts'
import { DigestCache } from '../../../src/roles/client/digest-cache.ts'
import { useTemporaryDir } from '../../store/child.ts'
import type { KnownDigests } from '../../../src/node/payload/known-digests.ts'
import type { PackedPayload } from '../../../src/node/payload/pack.ts'

const KEY = 'ab'.repeat(32)
const OLD = new Date(Date.now() - 3_600_000)

describe('digests of large files', () => {
  const dir = useTemporaryDir()
  const cached = (): string => join(dir(), 'digests')
  const path = (): string => join(dir(), 'large')

  function digests (count: number): Uint8Array[] {
    return Array.from({ length: count }, () => new Uint8Array(randomBytes(32)))
  }

  it('are found as they were kept, by whoever comes next', async () => {
    const kept = digests(5)

    await new DigestCache(cached()).keep(KEY, kept)

    expect(await new DigestCache(cached()).find(KEY, 5)).toEqual(kept)
    expect(await new DigestCache(cached()).find(KEY, 4)).toBeUndefined()
    expect(await new DigestCache(cached()).find('cd'.repeat(32), 5)).toBeUndefined()
    expect(statSync(cached()).mode & 0o777).toBe(0o700)
  })

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['is cut off', bytes => bytes.subarray(0, -1)],
    ['is empty', () => Buffer.alloc(0)],
    ['has one bit that is another', bytes => { bytes[40]! ^= 1; return bytes }],
    ['is longer', bytes => Buffer.concat([bytes, bytes])]
  ])('are found out again when the file that has them %s', async (_, damage) => {
    const cache = new DigestCache(cached())

    await cache.keep(KEY, digests(3))
    writeFileSync(join(cached(), KEY), damage(readFileSync(join(cached(), KEY))))

    expect(await cache.find(KEY, 3)).toBeUndefined()
    expect(readdirSync(cached())).toEqual([])
  })

  it('of another key are not believed', async () => {
    const cache = new DigestCache(cached())

    await cache.keep(KEY, digests(3))
    renameSync(join(cached(), KEY), join(cached(), 'cd'.repeat(32)))

    expect(await cache.find('cd'.repeat(32), 3)).toBeUndefined()
  })

  it('are bounded: those that were used last stay', async () => {
    const cache = new DigestCache(cached())
    const key = (at: number): string => at.toString(16).padStart(64, '0')

    for (let at = 0; at < 64; at++) {
      await cache.keep(key(at), digests(1))
      utimesSync(join(cached(), key(at)), OLD, new Date(OLD.getTime() + at * 1_000))
    }

    expect(await cache.find(key(0), 1)).toHaveLength(1)
    await cache.keep(key(64), digests(1))
    await cache.keep(key(65), digests(1))

    const left = readdirSync(cached())
    expect(left).toHaveLength(64)
    expect([0, 1, 2, 3, 65].map(at => left.includes(key(at)))).toEqual([true, false, false, true, true])
  })

  it('are no reason to fail where they cannot be kept', async () => {
    writeFileSync(cached(), 'a file in the place of the folder')

    await new DigestCache(cached()).keep(KEY, digests(1))
    expect(await new DigestCache(cached()).find(KEY, 1)).toBeUndefined()
  })

  /** Counts what is asked for and kept. */
  class Counting implements KnownDigests {
    found = 0
    kept = 0
    readonly #cache = new DigestCache(cached())

    async find (key: string, count: number): Promise<Uint8Array[] | undefined> {
      const digests = await this.#cache.find(key, count)

      this.found += digests == null ? 0 : 1

      return digests
    }

    async keep (key: string, chunks: readonly Uint8Array[]): Promise<void> {
      this.kept++
      await this.#cache.keep(key, chunks)
    }
  }

  /** As its owner would see it much later: what was written a moment ago is not kept. */
  async function later<T> (run: () => Promise<T>): Promise<T> {
    const { now } = Date

    Date.now = () => now() + 60_000

    return run().finally(() => { Date.now = now })
  }

  async function pack (known: KnownDigests, name = 'large'): Promise<PackedPayload> {
    return later(async () => packFiles([{ source: path(), path: name }], known))
  }

  it('are not read for a second time, under whatever name, and what is sent is checked against them', async () => {
    const known = new Counting()

    writeFileSync(path(), randomBytes(MIN_KNOWN_BYTES))

    const plain = await packFiles([{ source: path(), path: 'large' }])
    const first = await pack(known)
    const second = await pack(known)
    const renamed = await pack(known, 'other')

    expect([known.found, known.kept]).toEqual([2, 1])
    expect(second.manifest).toEqual(plain.manifest)
    expect(first.manifest).toEqual(plain.manifest)
    expect(renamed.manifest.chunks).toEqual(plain.manifest.chunks)
    expect(renamed.manifest.id).not.toBe(plain.manifest.id)
    expect(Buffer.from(await second.readChunk(1))).toEqual(Buffer.from(await plain.readChunk(1)))

    appendFileSync(path(), 'x')
    await expect(second.readChunk(0)).rejects.toThrow(/changed while it was being read/)
    await Promise.all([plain, first, second, renamed].map(async packed => packed.close()))
  })

  it('are found out again after any change, also one that sets size and time back', async () => {
    const known = new Counting()

    writeFileSync(path(), Buffer.alloc(MIN_KNOWN_BYTES, 'a'))
    utimesSync(path(), OLD, OLD)
    const before = await pack(known)

    writeFileSync(path(), Buffer.alloc(MIN_KNOWN_BYTES, 'b'))
    utimesSync(path(), OLD, OLD)
    const after = await pack(known)

    expect(known.found).toBe(0)
    expect(after.manifest.id).not.toBe(before.manifest.id)

    // another file in its place
    writeFileSync(join(dir(), 'new'), Buffer.alloc(MIN_KNOWN_BYTES, 'c'))
    renameSync(join(dir(), 'new'), path())
    expect((await pack(known)).manifest.id).not.toBe(after.manifest.id)
    expect(known.found).toBe(0)
  })

  it('are not kept of what was written a moment ago, of small files, nor of content', async () => {
    const known = new Counting()

    writeFileSync(path(), Buffer.alloc(MIN_KNOWN_BYTES))
    await packFiles([{ source: path(), path: 'x' }], known)
    await later(async () => packFiles([{ source: new Uint8Array(MIN_KNOWN_BYTES), path: 'x' }], known))
    writeFileSync(path(), Buffer.alloc(MIN_KNOWN_BYTES - 1))
    await pack(known)

    expect([known.found, known.kept]).toEqual([0, 0])
  })
})
