import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ContentStore } from '../../src/store/content.ts'
import { useTemporaryDir } from './child.ts'
import type { PayloadManifest } from '../../src/model/payload.ts'

const CHUNK = 64
const dir = useTemporaryDir()
const never = new AbortController().signal

function content (count: number): { manifest: PayloadManifest, chunks: Uint8Array[] } {
  const chunks = Array.from({ length: count }, (_, i) => new Uint8Array(CHUNK).fill(i + 1))
  const digests = chunks.map(chunk => new Uint8Array(createHash('sha256').update(chunk).digest()))

  return {
    manifest: { id: createHash('sha256').update(Buffer.concat(digests)).digest('hex'), files: [{ path: 'a', size: count * CHUNK, executable: false }], chunkSize: CHUNK, chunks: digests },
    chunks
  }
}

async function open (): Promise<ContentStore> {
  return ContentStore.open(dir(), { maxBytes: 1e6 })
}

describe('content that is read while it arrives', () => {
  it('is there chunk by chunk, in whatever order they come, and after the last one', async () => {
    const store = await open()
    const { manifest, chunks } = content(20)
    const follower = store.follow(manifest.id, never)
    const incoming = await store.begin(manifest)
    const source = await follower
    const counts: number[] = []
    const order = chunks.map((_, i) => (i * 7) % 20)

    source.onChunks(count => { counts.push(count) })

    const left = new Set(chunks.keys())
    const reading = (async () => {
      const seen: number[] = []

      while (left.size > 0) {
        const index = (await source.next(left))!

        expect(await source.readChunk(index)).toEqual(chunks[index])
        left.delete(index)
        seen.push(index)
      }

      return seen
    })()

    for (const index of order) {
      await incoming.write(index, chunks[index]!)
    }

    await incoming.finish()
    expect((await reading).sort((a, b) => a - b)).toEqual([...chunks.keys()])
    expect(counts.at(-1)).toBe(20)
    // from the disk, since it is long past
    expect(await source.readChunk(0)).toEqual(chunks[0])
    await source.close()
  })

  it('waits for what a newer transfer brings when an older one has stopped, which lost nothing', async () => {
    const store = await open()
    const { manifest, chunks } = content(4)
    const older = await store.begin(manifest)

    await older.write(0, chunks[0]!)

    const source = await store.follow(manifest.id, never)
    const newer = await store.begin(manifest)

    await older.abort()
    expect(newer.missing).toEqual([1, 2, 3])
    await expect(older.write(1, chunks[1]!)).rejects.toThrow('ended')

    const next = source.next(new Set([1]))

    await newer.write(1, chunks[1]!)
    expect(await next).toBe(1)

    // nobody brings it at the moment: whoever comes later goes on where it stopped
    await newer.abort()
    const last = await store.begin(manifest)

    expect(last.missing).toEqual([2, 3])
    await last.write(2, chunks[2]!)
    await last.write(3, chunks[3]!)
    await last.finish()
    expect(await source.next(new Set([3]))).toBe(3)
    await source.close()
  })

  it('never gives what is not the payload', async () => {
    const store = await open()
    const { manifest, chunks } = content(2)
    const incoming = await store.begin(manifest)
    const source = await store.follow(manifest.id, never)

    await expect(incoming.write(0, new Uint8Array(CHUNK).fill(99))).rejects.toThrow('does not match its digest')

    const next = source.next(new Set([0]))

    await incoming.write(0, chunks[0]!)
    expect(await source.readChunk((await next)!)).toEqual(chunks[0])
    await source.close()
    await incoming.abort()
  })

  it('is not waited for any longer than the signal says', async () => {
    const store = await open()
    const { manifest } = content(2)
    const stop = new AbortController()
    const follower = store.follow(manifest.id, stop.signal)

    stop.abort(new Error('enough'))
    await expect(follower).rejects.toThrow('enough')

    const incoming = await store.begin(manifest)
    const source = await store.follow(manifest.id, never)
    const later = new AbortController()
    const next = source.next(new Set([1]), later.signal)

    later.abort(new Error('enough of it'))
    await expect(next).rejects.toThrow('enough of it')
    await source.close()
    await expect(source.next(new Set([1]))).rejects.toThrow('nobody reads it')
    await incoming.abort()
  })
})
