import './fail-on-rejection.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exchangeHello } from '../../src/node/hello.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { createMeshKey, openMembership, sealMembership } from '../../src/node/membership.ts'
import { request } from '../../src/node/request.ts'
import { VERSION, isCompatible } from '../../src/node/version.ts'
import { LOOPBACK, TestMesh, firstAddress, nextEvent, testProtocol } from './mesh.ts'
import type { Hello, HelloReply } from '../../src/node/protocol/hello/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

const echo = testProtocol('echo')
const open = testProtocol('open', { openers: ['stranger'] })
const workersOnly = testProtocol('work', { openers: ['worker'], listeners: ['master'] })
const HOUR = 3_600_000

let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

/** Says a hello of the test's own making and returns what is answered. */
async function sayHello (address: string, identity: PrivateKey, hello: Partial<Hello>): Promise<HelloReply> {
  const transport = await createTransport({ identity, listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })

  await transport.start()

  try {
    const connection = await transport.dial(multiaddr(address))

    return await exchangeHello(connection, { version: VERSION, bootNonce: new Uint8Array(16), meshTimeMs: Date.now(), ...hello }, 'the other', AbortSignal.timeout(5_000))
  } finally {
    await transport.stop()
  }
}

describe('a stranger', () => {
  it('may speak what is open to strangers, and is refused everything else in words', async () => {
    const master = await mesh.node(['master'])
    const stranger = await mesh.stranger({ meshId: mesh.id })

    master.handle(open, async (channel, peer) => { await channel.send({ stranger: peer.stranger, roles: [...peer.roles] }) })
    master.handle(echo, async channel => { await channel.send('secret') })
    await stranger.connect(firstAddress(master), { expectMesh: mesh.id })

    expect(await request(stranger, master.peerId, open, {})).toEqual({ stranger: true, roles: [] })
    await expect(request(stranger, master.peerId, echo, {})).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('echo needs a membership of this mesh') })
  })

  it('is sent away when it does not ask to join', async () => {
    const master = await mesh.node(['master'])
    const stranger = await mesh.stranger({ meshId: mesh.id })

    await stranger.connect(firstAddress(master))
    await nextEvent(stranger, 'peer:gone')
    expect(stranger.peers()).toEqual([])
    expect(master.peers()).toEqual([])
  }, 30_000)

  it('that says nothing at all is sent away too', async () => {
    const master = await mesh.node(['master'])
    const transport = await createTransport({ identity: await generateKeyPair('Ed25519'), listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })

    await transport.start()

    const connection = await transport.dial(multiaddr(firstAddress(master)))

    await new Promise(resolve => { connection.addEventListener('close', resolve) })
    expect(master.peers()).toEqual([])
    await transport.stop()
  }, 30_000)

  it('that opens a stream without having said hello is not answered', async () => {
    const master = await mesh.node(['master'])
    let answered = 0

    master.handle(open, async () => { answered++ })

    const transport = await createTransport({ identity: await generateKeyPair('Ed25519'), listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })

    await transport.start()

    const connection = await transport.dial(multiaddr(firstAddress(master)))
    const stream = await connection.newStream([open.id])

    await new Promise(resolve => { stream.addEventListener('close', resolve) })
    expect(answered).toBe(0)
    await transport.stop()
  }, 10_000)

  it('becomes a member on the same connection, and stays', async () => {
    const master = await mesh.node(['master'])
    const identity = await generateKeyPair('Ed25519')
    const node = await mesh.stranger({ identity, meshId: mesh.id })

    master.handle(echo, async (channel, peer) => { await channel.send(peer.name) })
    await node.connect(firstAddress(master))
    expect(master.peer(node.peerId)).toMatchObject({ stranger: true })

    const renamed = nextEvent(master, 'peer')

    node.setMembership(await mesh.seal(identity, ['worker'], { name: 'lab-01' }))
    expect(await renamed).toMatchObject({ stranger: false, name: 'lab-01' })
    expect(await request(node, master.peerId, echo, {})).toBe('lab-01')
  })
})

describe('a membership', () => {
  it('of another mesh is refused by name, on both sides', async () => {
    const other = await TestMesh.create()
    const master = await mesh.node(['master'])
    const client = await other.node(['client'])

    await expect(client.connect(firstAddress(master))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('was sealed by') })
    expect(master.peers()).toEqual([])
    expect(client.peers()).toEqual([])
    await other.stop()
  })

  it('that belongs to somebody else is refused', async () => {
    const master = await mesh.node(['master'])
    const stolen = await mesh.seal(await generateKeyPair('Ed25519'), ['admin'])

    expect(await sayHello(firstAddress(master), await generateKeyPair('Ed25519'), { membership: stolen }))
      .toMatchObject({ kind: 'refused', reason: expect.stringContaining('which shows it') })
  })

  it('that a member sealed with a key of its own is refused, however well it is signed', async () => {
    const master = await mesh.node(['master'])
    const identity = await generateKeyPair('Ed25519')
    const forged = await sealMembership(await createMeshKey(), { peerId: identity.publicKey.toString(), roles: ['master'], name: 'mallory', issuedAt: 0, expiresAt: 8e15 })

    expect(await sayHello(firstAddress(master), identity, { membership: forged }))
      .toMatchObject({ kind: 'refused', reason: expect.stringContaining('was sealed by') })
  })

  it('with any bit flipped is refused', async () => {
    const master = await mesh.node(['master'])
    const identity = await generateKeyPair('Ed25519')
    const envelope = await mesh.seal(identity, ['client'])

    const spoil = (at: number, bit: number): Uint8Array => envelope.map((byte, i) => i === at ? byte ^ (1 << bit) : byte)

    for (let at = 0; at < envelope.byteLength; at++) {
      await expect(openMembership(spoil(at, at % 8), mesh.id), `byte ${at}`).rejects.toMatchObject({ code: 'refused' })
    }

    expect(await sayHello(firstAddress(master), identity, { membership: spoil(60, 0) })).toMatchObject({ kind: 'refused' })
  })

  it('that has expired is refused with both clocks', async () => {
    const now = Date.parse('2030-05-01T12:00:00Z')
    const master = await mesh.node(['master'], { meshTime: () => now, as: { expiresAt: now + HOUR } })
    const identity = await generateKeyPair('Ed25519')
    const membership = await mesh.seal(identity, ['client'], { name: 'anna', expiresAt: now - 60_000 })
    const reply = await sayHello(firstAddress(master), identity, { membership, meshTimeMs: Date.parse('2030-05-01T11:00:00Z') })

    expect(reply).toMatchObject({ kind: 'refused' })
    expect(reply.kind === 'refused' && reply.reason).toBe('the membership of anna expired at 2030-05-01T11:59:00.000Z: the mesh\'s clock says 2030-05-01T12:00:00.000Z, the clock of anna says 2030-05-01T11:00:00.000Z; set the clocks, or join again')
  })

  it('that expires while connected is honoured no more', async () => {
    let now = Date.now()
    const master = await mesh.node(['master'], { meshTime: () => now })
    const client = await mesh.node(['client'], { as: { name: 'anna', expiresAt: now + 60_000 } })

    master.handle(echo, async channel => { await channel.send(await channel.receive()) })
    await client.connect(firstAddress(master))
    expect(await request(client, master.peerId, echo, 1)).toBe(1)

    now += 61_000

    await expect(request(client, master.peerId, echo, 1)).rejects.toMatchObject({ code: 'refused', message: expect.stringMatching(/^the membership of anna expired at .* the mesh's clock says .* the clock of anna says/) })
    expect(master.peer(client.peerId)).toMatchObject({ stranger: true })
  })

  it('is renewed on a living connection', async () => {
    let now = Date.now()
    const master = await mesh.node(['master'], { meshTime: () => now })
    const identity = await generateKeyPair('Ed25519')
    const client = await mesh.node(['client'], { identity, as: { expiresAt: now + 60_000 } })

    master.handle(echo, async channel => { await channel.send(await channel.receive()) })
    await client.connect(firstAddress(master))
    client.setMembership(await mesh.seal(identity, ['client'], { expiresAt: now + HOUR }))
    await client.connect(firstAddress(master))
    now += 61_000
    expect(await request(client, master.peerId, echo, 1)).toBe(1)
  })

  it('that was revoked opens nothing from that moment on', async () => {
    const revoked = new Set<string>()
    const master = await mesh.node(['master'], { isRevoked: id => revoked.has(id) })
    const client = await mesh.node(['client'], { as: { name: 'anna' } })

    master.handle(echo, async channel => { await channel.send(await channel.receive()) })
    await client.connect(firstAddress(master))
    expect(await request(client, master.peerId, echo, 1)).toBe(1)
    revoked.add(client.peerId)
    await expect(request(client, master.peerId, echo, 1)).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('was revoked') })

    const gone = nextEvent(client, 'peer:gone')

    await master.expel(client.peerId, 'you were revoked')
    await gone
    await expect(client.connect(firstAddress(master))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('was revoked') })
  })

  it('for one role opens nothing of another', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client', 'admin'])
    const worker = await mesh.node(['worker'])

    master.handle(workersOnly, async channel => { await channel.send('work') })
    await client.connect(firstAddress(master))
    await worker.connect(firstAddress(master))
    expect(await request(worker, master.peerId, workersOnly, {})).toBe('work')
    await expect(request(client, master.peerId, workersOnly, {})).rejects.toMatchObject({ code: 'refused', message: 'work is for a worker; your membership is for a client and a admin' })
  })

  it('must let the answering side answer, too', async () => {
    const worker = await mesh.node(['worker'], { listen: [LOOPBACK] })
    const other = await mesh.node(['worker'])

    worker.handle(workersOnly, async channel => { await channel.send('not mine to give') })
    await other.connect(firstAddress(worker))
    await expect(other.openChannel(worker.peerId, workersOnly)).rejects.toMatchObject({ code: 'refused' })
  })
})

describe('the dialling side', () => {
  it('takes only a master of the expected mesh', async () => {
    const worker = await mesh.node(['worker'], { listen: [LOOPBACK] })
    const stranger = await mesh.stranger()

    await expect(stranger.connect(firstAddress(worker), { expectMesh: mesh.id })).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('is no master of mesh') })
    expect(stranger.peers()).toEqual([])
  })

  it('hangs up on a master of another mesh before anything is said to it', async () => {
    const other = await TestMesh.create()
    const master = await other.node(['master'])
    const stranger = await mesh.stranger()

    await expect(stranger.connect(firstAddress(master), { expectMesh: mesh.id })).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('was sealed by') })
    expect(stranger.peers()).toEqual([])
    await other.stop()
  })

  it('hangs up on a node that shows no membership at all', async () => {
    const nobody = await mesh.stranger({ listen: [LOOPBACK] })
    const client = await mesh.node(['client'])

    await expect(client.connect(firstAddress(nobody))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('without a membership') })
  })

  it('takes mesh time from the master, and judges the master by it too', async () => {
    // by our own clock everybody's membership has expired
    const skew = -3 * HOUR
    const master = await mesh.node(['master'], { meshTime: () => Date.now() + skew, as: { expiresAt: Date.now() + skew + HOUR } })
    const client = await mesh.node(['client'], { as: { expiresAt: Date.now() + skew + HOUR } })

    await client.connect(firstAddress(master))
    expect(Math.abs(client.meshTime() - Date.now() - skew)).toBeLessThan(60_000)
  })
})

describe('two live nodes with one identity', () => {
  it('are both refused', async () => {
    const master = await mesh.node(['master'], { uniqueRoles: ['worker', 'master'] })
    const identity = await generateKeyPair('Ed25519')
    const first = await mesh.node(['worker'], { identity, as: { name: 'lab-01' } })
    const second = await mesh.node(['worker'], { identity, as: { name: 'lab-01' } })
    const gone = nextEvent(first, 'peer:gone')

    await first.connect(firstAddress(master))
    await expect(second.connect(firstAddress(master))).rejects.toMatchObject({ code: 'refused', message: expect.stringMatching(/two live nodes use the identity .*\(lab-01\)/) })
    await gone
    await expect(first.connect(firstAddress(master))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('two live nodes') })
    expect(master.peers()).toEqual([])
  })

  it('that come at the same moment are not both let in', async () => {
    const master = await mesh.node(['master'], { uniqueRoles: ['worker'] })
    const identity = await generateKeyPair('Ed25519')
    const nodes = [await mesh.node(['worker'], { identity }), await mesh.node(['worker'], { identity })]
    const bothGone = Promise.allSettled(nodes.map(async node => node.connect(firstAddress(master))))

    expect((await bothGone).some(({ status }) => status === 'rejected')).toBe(true)
    await expect(nodes[0]?.connect(firstAddress(master))).rejects.toMatchObject({ code: 'refused' })
  })

  it('may be clients of one user', async () => {
    const master = await mesh.node(['master'], { uniqueRoles: ['worker', 'master'] })
    const identity = await generateKeyPair('Ed25519')

    await (await mesh.node(['client'], { identity })).connect(firstAddress(master))
    await (await mesh.node(['client'], { identity })).connect(firstAddress(master))
    expect(master.peers()).toHaveLength(1)
  })

  it('are not seen in a node that was started again', async () => {
    const master = await mesh.node(['master'], { uniqueRoles: ['worker'] })
    const identity = await generateKeyPair('Ed25519')
    const before = await mesh.node(['worker'], { identity })

    await before.connect(firstAddress(master))
    await before.stop()

    const after = await mesh.node(['worker'], { identity })

    await after.connect(firstAddress(master))
    expect(master.peers()).toHaveLength(1)
  })
})

describe('versions', () => {
  it.each([
    ['0.1.0', '0.1.9', true],
    ['0.1.0', '0.2.0', true],
    ['0.1.0', '0.3.0', false],
    ['1.4.2', '1.3.0-rc.1', true],
    ['1.0.0', '0.9.0', false],
    ['1.0.0', '2.0.0', false],
    ['1.0', '1.0.0', false],
    ['', '', false],
    ['1.0.0\n', '1.0.0', false]
  ])('%j and %j: works together is %s', (a, b, expected) => {
    expect(isCompatible(a, b)).toBe(expected)
    expect(isCompatible(b, a)).toBe(expected)
  })

  it('that do not work together are refused, naming both', async () => {
    const master = await mesh.node(['master'])
    const identity = await generateKeyPair('Ed25519')
    const reply = await sayHello(firstAddress(master), identity, { version: '7.3.1', membership: await mesh.seal(identity, ['client']) })

    expect(reply).toMatchObject({ kind: 'refused', version: VERSION, reason: expect.stringContaining(`version 7.3.1 and version ${VERSION}`) })
  })
})
