import './fail-on-rejection.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOOPBACK, TestMesh, firstAddress, nextEvent } from './mesh.ts'
import type { MeshNode } from '../../src/node/mesh-node.ts'

const OTHER = '/ip4/192.0.2.7/tcp/4747/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

describe('where the masters are', () => {
  let mesh: TestMesh
  let master: MeshNode

  beforeEach(async () => {
    mesh = await TestMesh.create()
    master = await mesh.node(['master'])
  })

  afterEach(async () => { await mesh.stop() })

  it('is said to a member at hello: by a master alone, where it is itself', async () => {
    const client = await mesh.node(['client'])
    const peer = await client.connect(firstAddress(master))

    expect(peer.masters).toEqual(master.addresses())
    expect(peer.reachedAt).toBe(firstAddress(master))
  })

  it('is said to members that are connected as soon as it changes', async () => {
    const worker = await mesh.node(['worker'])

    await worker.connect(firstAddress(master))

    const told = nextEvent(worker, 'peer')

    master.setMasters([...master.addresses(), OTHER])
    expect((await told).masters).toEqual([...master.addresses(), OTHER])
    expect(worker.peer(master.peerId)?.masters).toEqual([...master.addresses(), OTHER])
  })

  it('is no business of a stranger', async () => {
    const stranger = await mesh.stranger()

    master.setMasters([...master.addresses(), OTHER])
    expect((await stranger.connect(firstAddress(master))).masters).toEqual([])
  })

  it('is not believed of a node that is no master', async () => {
    const worker = await mesh.node(['worker'], { listen: [LOOPBACK] })
    const client = await mesh.node(['client'])

    worker.setMasters([OTHER])
    expect((await client.connect(firstAddress(worker))).masters).toEqual([])
  })
})

describe('a ping', () => {
  it('is answered while the peer is there, and rejected when it is gone', async () => {
    const mesh = await TestMesh.create()

    try {
      const master = await mesh.node(['master'])
      const client = await mesh.node(['client'])

      await client.connect(firstAddress(master))
      await client.ping(master.peerId, { signal: AbortSignal.timeout(10_000) })

      const gone = nextEvent(client, 'peer:gone')

      await master.stop()
      await gone
      await expect(client.ping(master.peerId)).rejects.toThrow('there is no connection')
    } finally {
      await mesh.stop()
    }
  })
})
