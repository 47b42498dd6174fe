import './fail-on-rejection.ts'
import { createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import { request } from '../../src/node/request.ts'
import { LOOPBACK, TestMesh, firstAddress, nextEvent, testProtocol } from './mesh.ts'
import type { AddressInfo, Server, Socket } from 'node:net'

const echo = testProtocol('echo')

let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

/** A plain TCP server that is no libp2p node. */
async function plainServer (onSocket: (socket: Socket) => void): Promise<{ server: Server, port: number }> {
  const server = createServer(onSocket)

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  return { server, port: (server.address() as AddressInfo).port }
}

function portOf (node: MeshNode): string {
  return firstAddress(node).split('/')[4] ?? ''
}

describe('a node', () => {
  it('connects, says hello both ways and asks one question', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client', 'admin'], { as: { name: 'anna' } })
    const heard = nextEvent(master, 'peer')

    master.handle(echo, async (channel, peer) => {
      await channel.send({ ...await channel.receive(), from: peer.name })
    })

    const peer = await client.connect(firstAddress(master))

    expect(peer).toMatchObject({ id: master.peerId, name: 'master', stranger: false })
    expect([...peer.roles]).toEqual(['master'])
    expect(await heard).toMatchObject({ id: client.peerId, name: 'anna', stranger: false })
    expect(await request(client, master.peerId, echo, { a: 1 })).toEqual({ a: 1, from: 'anna' })
  })

  it('is asked over the connection that it made itself', async () => {
    const master = await mesh.node(['master'])
    const worker = await mesh.node(['worker'])
    const ask = testProtocol('ask', { openers: ['master'], listeners: ['worker'] })

    worker.handle(ask, async channel => { await channel.send(await channel.receive()) })

    const answers = new Promise(resolve => {
      // at the first possible moment: the worker may not even have judged our welcome
      master.addEventListener('peer', ({ detail }) => { resolve(request(master, detail.id, ask, 'at once')) })
    })

    await worker.connect(firstAddress(master))
    expect(await answers).toBe('at once')
  })

  it('is told of a peer once, and once that it is gone, however many connections there are', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const events: string[] = []

    master.addEventListener('peer', ({ detail }) => { events.push(`peer ${detail.name}`) })
    master.addEventListener('peer:gone', ({ detail }) => { events.push(`gone ${detail.name}`) })

    await client.connect(firstAddress(master))
    await client.connect(firstAddress(master))
    await client.connect(`127.0.0.1:${portOf(master)}`)

    const gone = nextEvent(master, 'peer:gone')

    await client.stop()
    await gone
    expect(events).toEqual(['peer client', 'gone client'])
  })

  it('takes the first of several addresses that answers', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])

    // 192.0.2.0/24 is for documentation: nothing answers there, or there is no route
    const peer = await client.connect(['/ip4/127.0.0.1/tcp/1', '/ip4/192.0.2.1/tcp/4747', firstAddress(master)])

    expect(peer.id).toBe(master.peerId)
  })

  it('connects again after the master was restarted, on the same port and on another', async () => {
    const identity = await generateKeyPair('Ed25519')
    const first = await mesh.node(['master'], { identity })
    const client = await mesh.node(['client'])
    const address = firstAddress(first)

    await client.connect(address)

    const gone = nextEvent(client, 'peer:gone')

    await first.stop()
    await gone

    const second = await mesh.node(['master'], { identity, listen: [address.replace(/\/p2p\/.*/, '')] })

    second.handle(echo, async channel => { await channel.send('second') })
    await client.connect(address)
    expect(await request(client, second.peerId, echo, {})).toBe('second')
    await second.stop()

    const third = await mesh.node(['master'], { identity })

    third.handle(echo, async channel => { await channel.send('third') })
    await client.connect([address, firstAddress(third)])
    expect(await request(client, third.peerId, echo, {})).toBe('third')
  })

  it('redials by itself when it was told to keep a connection', async () => {
    const identity = await generateKeyPair('Ed25519')
    const first = await mesh.node(['master'], { identity })
    const worker = await mesh.node(['worker'])
    const address = firstAddress(first)

    await worker.connect(address, { keepAlive: true })
    await first.stop()

    const back = nextEvent(worker, 'peer')

    await mesh.node(['master'], { identity, listen: [address.replace(/\/p2p\/.*/, '')] })
    expect(await back).toMatchObject({ name: 'master' })
  }, 15_000)

  it('does not redial a master that has turned it away', async () => {
    const turnedAway: string[] = []
    const revoked = new Set<string>()
    const master = await mesh.node(['master'], { isRevoked: id => revoked.has(id), log: line => { turnedAway.push(line) } })
    const worker = await mesh.node(['worker'])

    await worker.connect(firstAddress(master), { keepAlive: true })
    revoked.add(worker.peerId)

    const gone = nextEvent(worker, 'peer:gone')

    await master.expel(worker.peerId, 'revoked')
    await gone
    // several times the pause between two dials
    await new Promise(resolve => setTimeout(resolve, 2_500))
    expect(turnedAway).toEqual([expect.stringContaining('was revoked')])
  })

  it('is reached by a name, too', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])

    expect(await client.connect(`localhost:${portOf(master)}`)).toMatchObject({ id: master.peerId })
  })

  it('tells its peers in words that it stops, and stops once', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const entered = Promise.withResolvers<void>()

    master.handle(echo, async channel => {
      await channel.receive()
      entered.resolve()
      // nothing more is said
      await channel.receive()
    })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, echo)
    const answer = expect(channel.receive()).rejects.toMatchObject({ code: 'unreachable', message: 'master is shutting down' })

    await channel.send({})
    await entered.promise
    await Promise.all([master.stop(), master.stop()])
    await master.stop()
    await answer
  })

  it('that was never started can be stopped', async () => {
    const node = await MeshNode.create({ identity: await generateKeyPair('Ed25519') })

    await node.stop()
    await expect(node.start()).rejects.toThrow('is shutting down')
  })

  it('refuses a membership of its own that names another node or another mesh', async () => {
    const identity = await generateKeyPair('Ed25519')
    const other = await TestMesh.create()
    const envelope = await mesh.seal(await generateKeyPair('Ed25519'), ['worker'])
    const foreign = await other.seal(identity, ['worker'])

    await expect(MeshNode.create({ identity, membership: envelope })).rejects.toThrow('the membership is for')
    await expect(MeshNode.create({ identity, meshId: mesh.id, membership: foreign })).rejects.toThrow('the membership is for mesh')
    await expect(MeshNode.create({ identity, membership: new Uint8Array(10) })).rejects.toThrow('own membership is damaged')
  })
})

describe('a handler', () => {
  it('that throws a MeshmarkError is heard in its own words', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])

    master.handle(echo, async () => { throw new MeshmarkError('conflict', 'a job of this id has another content') })
    await client.connect(firstAddress(master))
    await expect(request(client, master.peerId, echo, {})).rejects.toMatchObject({ name: 'MeshmarkError', code: 'conflict', message: 'a job of this id has another content' })
  })

  it('that fails otherwise keeps the details to its own log', async () => {
    const lines: string[] = []
    const master = await mesh.node(['master'], { log: line => { lines.push(line) } })
    const client = await mesh.node(['client'])

    master.handle(echo, async () => { throw new TypeError('/secret/path is undefined') })
    await client.connect(firstAddress(master))
    await expect(request(client, master.peerId, echo, {})).rejects.toMatchObject({ code: 'failed', message: 'echo failed on master: its log says why' })
    expect(lines.join('\n')).toContain('/secret/path is undefined')
  })

  it('refuses in words when it is asked too often', async () => {
    const rare = testProtocol('rare', { rate: { perSecond: 0.01, burst: 2 } })
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const other = await mesh.node(['client'])

    master.handle(rare, async channel => { await channel.send('ok') })
    await client.connect(firstAddress(master))
    await other.connect(firstAddress(master))
    expect(await request(client, master.peerId, rare, {})).toBe('ok')
    expect(await request(client, master.peerId, rare, {})).toBe('ok')
    await expect(request(client, master.peerId, rare, {})).rejects.toMatchObject({ code: 'quota', message: expect.stringMatching(/more than 0.01 times a second.*wait \d+ ms/) })
    expect(await request(other, master.peerId, rare, {})).toBe('ok')
  })

  it('refuses in words when it is open too often at once', async () => {
    const narrow = testProtocol('narrow', { maxStreams: 2 })
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])

    master.handle(narrow, async channel => {
      await channel.send('in')
      await channel.receive()
    })
    await client.connect(firstAddress(master))

    const channels = [await client.openChannel(master.peerId, narrow), await client.openChannel(master.peerId, narrow)]

    expect(await Promise.all(channels.map(async channel => channel.receive()))).toEqual(['in', 'in'])
    await expect(request(client, master.peerId, narrow, {})).rejects.toMatchObject({ code: 'quota', message: expect.stringContaining('open 2 times at once') })

    const gone = nextEvent(master, 'peer:gone')

    // room again, at the latest when the connection is gone
    for (const channel of channels) {
      await channel.send('bye')
      await channel.close()
      expect(await channel.receive()).toBe(undefined)
    }

    await client.stop()
    await gone
  })

  it('takes many streams opened in one burst right after the dial', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])
    const wide = testProtocol('wide', { maxStreams: 200 })

    master.handle(wide, async channel => { await channel.send(await channel.receive()) })
    await client.connect(firstAddress(master))

    const numbers = Array.from({ length: 150 }, (_, i) => i)

    expect(await Promise.all(numbers.map(async i => request(client, master.peerId, wide, i)))).toEqual(numbers)
  })

  it('is not waited for longer than the deadline of its first message', async () => {
    const quick = testProtocol('quick', { firstMessageMs: 50 })
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client'])

    master.handle(quick, async channel => { await channel.send(await channel.receive()) })
    await client.connect(firstAddress(master))

    const channel = await client.openChannel(master.peerId, quick)

    await expect(channel.receive()).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('nothing was said for 50 ms') })
  })
})

describe('connecting fails with one clear line', () => {
  it.each([
    ['where nothing listens', '127.0.0.1:1', /^cannot reach 127.0.0.1:1: nothing listens there/],
    ['when the host is unknown', 'no-such-host.invalid', /^cannot find the host of no-such-host.invalid:4747/]
  ])('%s', async (_, address, message) => {
    const client = await mesh.node(['client'])

    await expect(client.connect(address)).rejects.toMatchObject({ code: 'unreachable', message: expect.stringMatching(message) })
  })

  it('when something else answers', async () => {
    const { server, port } = await plainServer(socket => { socket.end('220 mail.example.org ESMTP\r\n') })
    const client = await mesh.node(['client'])

    await expect(client.connect(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining(`what answers at 127.0.0.1:${port} is not a meshmark node`) })
    server.close()
  })

  it('when what listens says nothing', async () => {
    const sockets: Socket[] = []
    const { server, port } = await plainServer(socket => { sockets.push(socket) })
    const client = await mesh.node(['client'])

    await expect(client.connect(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining(`127.0.0.1:${port}`) })
    sockets.forEach(socket => { socket.destroy() })
    server.close()
  }, 15_000)

  it('when another node answers than the address names', async () => {
    const master = await mesh.node(['master'])
    const other = await mesh.node(['client'])
    const client = await mesh.node(['client'])

    await expect(client.connect(firstAddress(master).replace(master.peerId, other.peerId))).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('another node answers') })
  })

  it('when a libp2p node answers that is not meshmark', async () => {
    const transport = await createTransport({ identity: await generateKeyPair('Ed25519'), listen: [LOOPBACK], askAfterMs: 2_000, giveUpAfterMs: 5_000 })
    const client = await mesh.node(['client'])

    await transport.start()

    const [address] = transport.getMultiaddrs()

    await expect(client.connect(`${address}`)).rejects.toMatchObject({ code: 'refused', message: expect.stringMatching(/^what answers at 127\.0\.0\.1:\d+ is a libp2p node, but not meshmark$/) })
    await transport.stop()
  })

  it('when the address is its own', async () => {
    const master = await mesh.node(['master'])

    await expect(master.connect(firstAddress(master))).rejects.toMatchObject({ message: expect.stringContaining('this node itself') })
    await expect(master.connect(`127.0.0.1:${portOf(master)}`)).rejects.toMatchObject({ message: expect.stringContaining('this node itself') })
  })

  it('when all of several addresses fail', async () => {
    const client = await mesh.node(['client'])

    await expect(client.connect(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'])).rejects.toMatchObject({ code: 'unreachable', message: expect.stringMatching(/127.0.0.1:1: nothing listens there.*2 other addresses/) })
    await expect(client.connect([])).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('no address') })
  })

  it('when the caller gives up', async () => {
    const { server, port } = await plainServer(() => {})
    const client = await mesh.node(['client'])
    const controller = new AbortController()
    const connecting = expect(client.connect(`127.0.0.1:${port}`, { signal: controller.signal })).rejects.toThrow('enough')

    server.once('connection', socket => {
      controller.abort(new Error('enough'))
      socket.destroy()
    })
    await connecting
    server.close()
  })

  it('when the port to listen on is taken', async () => {
    const master = await mesh.node(['master'])

    await expect(mesh.node(['master'], { listen: [`/ip4/127.0.0.1/tcp/${portOf(master)}`] })).rejects.toMatchObject({ code: 'failed', message: expect.stringMatching(new RegExp(`^port ${portOf(master)} is in use`)) })
    await expect(mesh.node(['master'], { listen: ['/ip4/192.0.2.1/tcp/4747'] })).rejects.toMatchObject({ message: expect.stringContaining('192.0.2.1:4747 is not an address of this machine') })
  })

  it('when a stream is asked for without a connection', async () => {
    const client = await mesh.node(['client'])

    await expect(request(client, client.peerId, echo, {})).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('there is no connection') })
  })

  it('when the peer does not answer a protocol, or not in time', async () => {
    const master = await mesh.node(['master'], { listen: [LOOPBACK] })
    const client = await mesh.node(['client'])
    const silent = testProtocol('silent')
    const asked = Promise.withResolvers<void>()

    master.handle(silent, async () => asked.promise)
    await client.connect(firstAddress(master))
    await expect(request(client, master.peerId, echo, {})).rejects.toMatchObject({ code: 'refused', message: 'master does not answer echo (/meshmark/echo/1.0.0)' })
    await expect(request(client, master.peerId, silent, {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'unreachable', message: 'master did not answer silent within 50 ms' })
    asked.resolve()
  })
})
