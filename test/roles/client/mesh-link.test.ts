import '../../node/fail-on-rejection.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { ulid } from 'ulid'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { executionId } from '../../../src/model/ids.ts'
import { submit } from '../../../src/node/protocol/submit/index.ts'
import { connectAs } from '../../../src/roles/client/connect.ts'
import { MeshLink } from '../../../src/roles/client/mesh-link.ts'
import { Patience } from '../../../src/roles/client/patience.ts'
import { RENEW_CHECK_MS } from '../../../src/roles/link.ts'
import { firstAddress, TestMesh } from '../../node/mesh.ts'

let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

it('has nothing to renew before it has found a master', async () => {
  const node = await mesh.stranger()

  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })

  try {
    const link = new MeshLink(node, { meshId: mesh.id, addresses: [] }, {})

    expect(() => { vi.advanceTimersByTime(RENEW_CHECK_MS) }).not.toThrow()
    await link.close()
  } finally {
    vi.useRealTimers()
  }
})

it('calls nobody waiting who has given up on the files of a job', async () => {
  const master = await mesh.node(['master'])
  const identity = await generateKeyPair('Ed25519')
  const stop = new AbortController()
  const waiting = vi.fn()

  let asked = 0

  // gone before the first chunk, each time
  master.handle(submit, async channel => {
    await channel.receive()

    if (++asked === 2) {
      stop.abort(new Error('no longer wanted'))
    }
  })

  const membership = await mesh.seal(identity, ['client'])
  const client = await connectAs({ identity, mesh: { meshId: mesh.id, addresses: [firstAddress(master)], typed: true }, dir: { member: { meshId: mesh.id, membership, masters: [] } } }, { mdns: false, onWaiting: waiting })

  try {
    const payload = { id: '0'.repeat(64), files: [], chunkSize: 1, chunks: [new Uint8Array(32)] }
    const execution = executionId({ job: ulid(), task: 'any', worker: master.peerId, attempt: 0 })
    const chunks = client.collectedChunks({ execution, workerName: 'lab-1', payload, skipped: [] }, { signal: stop.signal })

    await expect(chunks[Symbol.asyncIterator]().next()).rejects.toThrow('no longer wanted')

    // said after the same time, and begun later
    await new Promise<void>(resolve => { new Patience(Infinity, resolve).wears() })
    expect(waiting).not.toHaveBeenCalled()
  } finally {
    await client.close()
  }
})
