import './fail-on-rejection.ts'
import { Uint8ArrayList } from 'uint8arraylist'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toString } from 'uint8arrays/to-string'
import { Children } from './child.ts'
import { LOOPBACK, TestMesh, firstAddress, nextEvent, testProtocol } from './mesh.ts'

const MEGABYTES = 200

let mesh: TestMesh
let children: Children
let meshKey: string

beforeEach(async () => {
  mesh = await TestMesh.create()
  meshKey = toString(privateKeyToProtobuf(mesh.key), 'hex')
  children = await Children.create()
})

afterEach(async () => {
  await children.stop()
  await mesh.stop()
})

describe('two processes', () => {
  it('move 200 MB past a receiver that pauses, with bounded memory on both sides', async () => {
    const reader = await children.start('streamer', [meshKey, 'master'])
    const sender = await children.start('streamer', [meshKey, 'client'])
    const peer = await sender.ask('connect', await reader.ask('address'))

    // first some that nobody watches: compiled code and an ordinary heap are no growth
    await sender.ask('send', { peer, megabytes: 50 })
    await sender.ask('finish')
    await reader.ask('hold')
    await sender.ask('send', { peer, megabytes: MEGABYTES })

    let stalled = await sender.ask('progress')

    for (let before = -1; before !== stalled.sent; stalled = await sender.ask('progress')) {
      before = stalled.sent
      await new Promise(resolve => setTimeout(resolve, 300))
    }

    // one message read, one window on its way, one message half sent
    expect(stalled.sent).toBeLessThan(8)

    await reader.ask('go')
    await sender.ask('finish')

    const [read, sent] = [await reader.ask('progress'), await sender.ask('progress')]

    expect(read.received).toBe(MEGABYTES * 2 ** 20)
    expect(read.grownMB).toBeLessThan(50)
    expect(sent.grownMB).toBeLessThan(50)
  }, 60_000)

  it('notice when one of them is killed: the reader is told, and does not take it for the end', async () => {
    const bytes = { encode: (message: Uint8Array) => message, decode: (message: Uint8Array | Uint8ArrayList) => message.subarray() }
    const upload = testProtocol('upload', { maxMessage: 2 ** 20, request: bytes, reply: bytes })
    const master = await mesh.node(['master'], { listen: [LOOPBACK] })
    const sender = await children.start('streamer', [meshKey, 'client'])
    const outcome = Promise.withResolvers<unknown>()
    const some = Promise.withResolvers<void>()

    master.handle(upload, async channel => {
      let received = 0

      try {
        for (let message = await channel.receive(); message != null; message = await channel.receive()) {
          received += message.byteLength

          if (received > 2 ** 24) {
            some.resolve()
          }
        }

        outcome.resolve('ended in order')
      } catch (err) {
        outcome.resolve(err)
      }
    })

    const peer = await sender.ask('connect', firstAddress(master))
    const gone = nextEvent(master, 'peer:gone')

    await sender.ask('send', { peer, megabytes: 100_000 })
    await some.promise
    await sender.kill('SIGKILL')
    expect(await outcome.promise).toMatchObject({ name: 'MeshmarkError', code: 'unreachable' })
    expect(await gone).toMatchObject({ name: 'client' })
  }, 30_000)

  it('notice when the receiver is killed: the sender is told', async () => {
    const reader = await children.start('streamer', [meshKey, 'master'])
    const sender = await children.start('streamer', [meshKey, 'client'])
    const peer = await sender.ask('connect', await reader.ask('address'))

    await reader.ask('hold')
    await sender.ask('send', { peer, megabytes: 100_000 })
    await reader.kill('SIGKILL')
    await expect(sender.ask('finish')).rejects.toThrow(/upload/)
  }, 30_000)

  it('notice when one of them hangs', async () => {
    const master = await children.start('streamer', [meshKey, 'master'])
    const client = await mesh.node(['client'])

    await client.connect(await master.ask('address'))

    const gone = nextEvent(client, 'peer:gone')

    // keeps its connection, but answers nothing
    master.process.kill('SIGSTOP')
    await gone
    expect(client.peers()).toEqual([])
  }, 30_000)

  it('let a node in again whose former process hangs, since only a living twin is one', async () => {
    const master = await mesh.node(['master'], { uniqueRoles: ['worker'] })
    const identity = await generateKeyPair('Ed25519')
    const former = await children.start('member', [JSON.stringify({ meshKey, identity: toString(privateKeyToProtobuf(identity), 'hex'), role: 'worker', listen: [], mdns: false })])

    await former.ask('connect', firstAddress(master))
    former.process.kill('SIGSTOP')

    const worker = await mesh.node(['worker'], { identity, as: { name: 'again' } })

    await worker.connect(firstAddress(master))
    expect(master.peers()).toMatchObject([{ id: worker.peerId, name: 'again' }])
  }, 30_000)
})
