import './fail-on-rejection.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StreamChannel } from '../../src/node/channel.ts'
import { LatestSender } from '../../src/node/latest.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { MAX_PEER_CONNECTIONS } from '../../src/node/reception.ts'
import { MAX_EARLY_STREAMS } from '../../src/node/serving.ts'
import { firstAddress, json, testProtocol, TestMesh } from './mesh.ts'
import type { Transport } from '../../src/node/libp2p.ts'
import type { MeshNode } from '../../src/node/mesh-node.ts'
import type { Connection } from '@libp2p/interface'

const echo = testProtocol('echo', { maxStreams: 64 })

describe('what one peer may take of a node', () => {
  let mesh: TestMesh
  let master: MeshNode
  /** libp2p alone: what it does not want to say, it does not say. */
  let hostile: Transport

  beforeEach(async () => {
    mesh = await TestMesh.create()
    master = await mesh.node(['master'])
    master.handle(echo, async channel => {
      await channel.send(await channel.receive())
    })
    hostile = await createTransport({ identity: await generateKeyPair('Ed25519'), listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })
    await hostile.start()
  })

  afterEach(async () => {
    await hostile.stop()
    await mesh.stop()
  })

  it('is a few streams before it has said who it is: the others are ended at once', async () => {
    const connection = await hostile.dial(multiaddr(firstAddress(master)))
    const more = 5
    const channels: Array<StreamChannel<any, any>> = []
    let ended = 0

    for (let i = 0; i < MAX_EARLY_STREAMS + more; i++) {
      const channel = new StreamChannel<any, any>(await connection.newStream([echo.id]), { peer: 'master', name: 'echo', maxMessage: 1_000_000, incoming: json, outgoing: json })

      channels.push(channel)
      channel.receive().catch(() => { ended++ })
    }

    await expect.poll(() => ended).toBe(more)
    expect(connection.status).toBe('open')
    await connection.close()
    await Promise.all(channels.map(async channel => channel.closed))
  })

  it('is a few connections: one more is closed, and the others stay', async () => {
    const connections: Connection[] = []

    for (let i = 0; i < MAX_PEER_CONNECTIONS; i++) {
      connections.push(await hostile.dial(multiaddr(firstAddress(master)), { force: true }))
    }

    const { promise: closed, resolve } = Promise.withResolvers<Connection>()

    hostile.addEventListener('connection:close', ({ detail }) => { resolve(detail) })

    const last = await hostile.dial(multiaddr(firstAddress(master)), { force: true })

    expect((await closed).id).toBe(last.id)
    expect(connections.map(({ status }) => status)).toEqual(connections.map(() => 'open'))
  })
})

describe('what is said to a peer that does not read', () => {
  it('waits as one word on each subject, the last one, however much was to be said', async () => {
    const mesh = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const news = testProtocol('news')
    const said = 20_000
    const finished = Promise.withResolvers<void>()

    master.handle(news, async channel => {
      const sender = new LatestSender(channel)

      for (let n = 1; n <= said; n++) {
        sender.say(n % 2 === 0 ? 'even' : 'odd', { n, fill: 'x'.repeat(20_000) })

        if (n % 100 === 0) {
          await new Promise(resolve => { setImmediate(resolve) })
        }
      }

      finished.resolve()
      await channel.receive()
    })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, news)

    // 400 MB were to be said by then
    await finished.promise

    const heard: number[] = []

    while (!(heard.includes(said) && heard.includes(said - 1))) {
      heard.push((await channel.receive()).n)
    }

    // what was on its way when reading stopped: a window and a few words
    expect(heard.length).toBeLessThan(400)
    await channel.close()
    await mesh.stop()
  }, 30_000)
})
