import '../../../src/node/polyfill.ts'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chunkSizeFor } from '../../../src/model/payload.ts'
import { packFiles } from '../../../src/node/payload/pack.ts'
import { receivePayload } from '../../../src/node/payload/receive.ts'
import { sendPayload } from '../../../src/node/payload/send.ts'
import { payload } from '../../../src/node/protocol/payload/index.ts'
import { ContentStore } from '../../../src/store/content.ts'
import { LOOPBACK, TestMesh } from '../mesh.ts'
import type { MeshNode } from '../../../src/node/mesh-node.ts'
import type { PackedPayload } from '../../../src/node/payload/pack.ts'
import type { TransferEnd } from '../../../src/node/payload/receive.ts'

const CHUNK_SIZE = chunkSizeFor(0)

const CHUNKS = 6

describe('a transfer', () => {
  let mesh: TestMesh
  let dir: string
  let receiver: MeshNode
  let content: ContentStore
  let packed: PackedPayload
  let ends: TransferEnd[]

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'meshmark-transfer-'))
    mesh = await TestMesh.create()
    content = await ContentStore.open(dir, { maxBytes: 1e9 })
    packed = await packFiles([{ source: Buffer.from(Array.from({ length: CHUNKS * CHUNK_SIZE }, (_, i) => (i * 31 + (i >> 12)) & 255)), path: 'a' }])
    receiver = await mesh.node(['worker'], { listen: [LOOPBACK] })
    ends = []

    const underway = new Map()

    receiver.handle(payload, async (channel, peer) => receivePayload(channel, peer, { content, underway, admit: async () => undefined, onEnd: (_id, _peer, end) => { ends.push(end) } }))
  })

  afterEach(async () => {
    await mesh.stop()
    await rm(dir, { recursive: true, force: true })
  })

  async function sender (): Promise<MeshNode> {
    const node = await mesh.node(['worker'])

    await node.connect(receiver.addresses()[0]!)

    return node
  }

  it('that is begun anew by somebody else takes the place of the older one and goes on from there', async () => {
    const stuck = Promise.withResolvers<void>()
    const asked: number[] = []
    const older = sendPayload(await sender(), receiver.peerId, {
      ...packed,
      next: async (left, signal) => {
        const [first] = left

        if (first === 3) {
          stuck.resolve()
          await once(signal, 'abort')
        }

        return first
      }
    })

    older.catch(() => {})
    await stuck.promise

    // what has been written is seen by who follows it
    const source = await content.follow(packed.manifest.id, AbortSignal.timeout(10_000))

    await source.next(new Set([2]))
    await sendPayload(await sender(), receiver.peerId, {
      ...packed,
      readChunk: async index => {
        asked.push(index)

        return packed.readChunk(index)
      }
    })

    expect(asked).toEqual([3, 4, 5])
    await expect(older).rejects.toThrow()
    expect(await content.has(packed.manifest.id)).toBe(true)
    expect(ends).toContainEqual({ kind: 'complete' })
    await source.close()
  })

  it('of other bytes ends it, and says that the sender lied', async () => {
    await expect(sendPayload(await sender(), receiver.peerId, { ...packed, readChunk: async () => new Uint8Array(CHUNK_SIZE) })).rejects.toThrow('chunk 0 of the payload arrived damaged')
    // the sender hears of it first
    await expect.poll(() => ends).toEqual([{ kind: 'lied', reason: expect.stringContaining('does not match its digest') }])

    // and what is right is taken afterwards
    expect(await sendPayload(await sender(), receiver.peerId, packed)).toBe(CHUNKS)
    expect(await sendPayload(await sender(), receiver.peerId, packed)).toBe(0)
  })

  it('that cannot be taken at all says so', async () => {
    content = await ContentStore.open(join(dir, 'small'), { maxBytes: 10 })

    await expect(sendPayload(await sender(), receiver.peerId, packed)).rejects.toThrow('does not fit the store')
    await expect.poll(() => ends).toEqual([{ kind: 'refused', reason: expect.stringContaining('does not fit the store') }])
  })
})
