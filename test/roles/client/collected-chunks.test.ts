import '../../node/fail-on-rejection.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { ulid } from 'ulid'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { packFiles } from '../../../src/node/payload/pack.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { connectAs } from '../../../src/roles/client/connect.ts'
import { Patience } from '../../../src/roles/client/patience.ts'
import { firstAddress, TestMesh } from '../../node/mesh.ts'
import type { MeshNode } from '../../../src/node/mesh-node.ts'
import type { Client, CollectedRecord } from '../../../src/roles/client/types.ts'
import type { PackedPayload } from '../../../src/node/payload/pack.ts'

let mesh: TestMesh
let master: MeshNode
let client: Client
let files: PackedPayload
let record: CollectedRecord
/** Where each request began. */
let asked: number[]
const waiting = vi.fn()

beforeEach(async () => {
  mesh = await TestMesh.create()
  master = await mesh.node(['master'])
  files = await packFiles([{ source: new Uint8Array(600_000).fill(7), path: 'a' }])
  record = { execution: executionId({ job: ulid(), task: 'any', worker: master.peerId, attempt: 0 }), workerName: 'lab-1', payload: files.manifest, skipped: [] }
  asked = []
  waiting.mockClear()

  const identity = await generateKeyPair('Ed25519')
  const membership = await mesh.seal(identity, ['client'])

  client = await connectAs({ identity, mesh: { meshId: mesh.id, addresses: [firstAddress(master)], typed: true }, dir: { member: { meshId: mesh.id, membership, masters: [] } } }, { mdns: false, onWaiting: waiting })
})

afterEach(async () => {
  await client.close()
  await files.close()
  await mesh.stop()
})

/** The master answers each request with this chunk, or with none, and has gone. */
function serve (chunk: (from: number, time: number) => Promise<{ index: number, data: Uint8Array } | undefined>): void {
  master.handle(submit, async channel => {
    const message = await channel.receive()

    if (message?.kind === 'chunks') {
      const found = await chunk(message.from, asked.push(message.from))

      if (found != null) {
        await channel.send({ kind: 'chunk', ...found })
      }
    }
  })
}

async function read (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []

  for await (const chunk of chunks) {
    parts.push(chunk)
  }

  return Buffer.concat(parts)
}

describe('the files that a task has brought back', () => {
  it('are gone on with where a master has left off', async () => {
    serve(async from => ({ index: from, data: await files.readChunk(from) }))
    expect(files.manifest.chunks.length).toBeGreaterThan(2)
    expect((await read(client.collectedChunks(record))).equals(Buffer.alloc(600_000, 7))).toBe(true)
    expect(asked).toEqual(files.manifest.chunks.map((_, index) => index))
  })

  it('are asked for once more when they are not what they should be, and then no more', async () => {
    serve(async from => ({ index: from, data: new Uint8Array(10) }))
    await expect(read(client.collectedChunks(record))).rejects.toThrow('master sent what is not the file')
    expect(asked).toEqual([0, 0])
  })

  it('keep nobody waiting who has given them up', async () => {
    const stop = new AbortController()

    serve(async (_from, time) => {
      if (time === 2) {
        stop.abort(new Error('no longer wanted'))
      }

      return undefined
    })
    await expect(read(client.collectedChunks(record, { signal: stop.signal }))).rejects.toThrow('no longer wanted')

    // said after the same time, and begun later
    await new Promise<void>(resolve => { new Patience(Infinity, resolve).wears() })
    expect(waiting).not.toHaveBeenCalled()
  })
})
