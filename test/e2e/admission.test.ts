import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { ulid } from 'ulid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { exchangeHello } from '../../src/node/hello.ts'
import { loadOrCreateIdentity } from '../../src/node/identity.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { readMembership, seal, sealMembership } from '../../src/node/membership.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { admin } from '../../src/node/protocol/admin/index.ts'
import { clock } from '../../src/node/protocol/clock/index.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { encodeTicket } from '../../src/node/protocol/sealed/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { request } from '../../src/node/request.ts'
import { parseToken } from '../../src/node/token.ts'
import { VERSION } from '../../src/node/version.ts'
import { TICKET_DOMAIN } from '../../src/roles/ticket.ts'
import { LOOPBACK, comeIn, elsewhere, exampleJob, idOf, readMeshFiles, refusalOf, sealJob } from './insider.ts'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { Insider, MeshFiles } from './insider.ts'
import type { CommandResult, NodeProcess } from './mesh.ts'
import type { Membership } from '../../src/model/membership.ts'
import type { Role } from '../../src/model/roles.ts'
import type { Ticket } from '../../src/node/protocol/payload/messages.ts'
import type { Protocol } from '../../src/node/protocol/protocol.ts'
import type { PrivateKey } from '@libp2p/interface'

const HOUR = 3_600_000
const INFO = { resources: { machineId: 'm', platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 1, memoryBytes: 1, kernel: '6', os: 'os', nodeVersion: '20' }, labels: {} }

let mesh: TestMesh
let files: MeshFiles
let boss: NodeProcess
let worker: NodeProcess
const nodes: MeshNode[] = []

beforeAll(async () => {
  mesh = await TestMesh.create()
  boss = await mesh.master()
  worker = await mesh.worker('lab-1')
  files = await readMeshFiles(mesh)
})

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async node => node.stop()))
})

afterAll(async () => { await mesh.close() })

let count = 0

/** Joined in order, in this process. */
async function insider (role: 'worker' | 'client' | 'admin'): Promise<Insider> {
  const found = await comeIn(mesh, files, role, `${role}-${count++}`)
  nodes.push(found.node)

  return found
}

/** A node of this process with any membership, or none. */
async function started (init: { key?: PrivateKey, roles?: Role[], sealedBy?: PrivateKey, membership?: Uint8Array, expiresAt?: number, listen?: boolean } = {}): Promise<MeshNode> {
  const identity = init.key ?? await generateKeyPair('Ed25519')
  const roles = init.roles ?? []
  const membership = init.membership ?? (roles.length === 0
    ? undefined
    : await sealMembership(init.sealedBy ?? files.meshKey, { peerId: idOf(identity), roles, name: 'villain', issuedAt: 0, expiresAt: init.expiresAt ?? Date.now() + HOUR }))
  const node = await MeshNode.create({
    identity,
    membership,
    ...(membership == null ? { meshId: files.meshId } : {}),
    listen: init.listen === true ? [LOOPBACK] : [],
    ...(roles.includes('master') ? { meshTime: () => Date.now() } : {})
  })
  nodes.push(node)
  await node.start()

  return node
}

/** How hello ends with the master. */
async function helloOf (node: MeshNode): Promise<string> {
  return node.connect(mesh.address).then(peer => `welcome by ${peer.name}`, err => `${err.code}: ${err.message}`)
}

/** Errors are one line, and nothing else is called one. */
function errorOf ({ stderr }: CommandResult): string {
  const lines = stderr.split('\n').filter(line => line.startsWith('meshmark: '))
  expect(lines, stderr).toHaveLength(1)
  expect(stderr).not.toMatch(/^\s+at /m)

  return lines[0]!
}

function endpoint (node: MeshNode): string {
  return `127.0.0.1:${/\/tcp\/(\d+)/.exec(node.addresses()[0]!)![1]}`
}

async function createToken (...args: string[]): Promise<{ line: string, token: string, id: string }> {
  const { stdout, code, stderr } = await mesh.run(['token', 'create', ...args])
  expect(code, stderr).toBe(0)
  const line = stdout.trim().replace(/^meshmark join /, '')

  return { line, token: line.split('@')[0]!, id: parseToken(line.split('@')[0]!).id }
}

/** A client on another machine, joined by hand. */
async function clientElsewhere (name: string): Promise<{ env: Record<string, string>, dir: string }> {
  const env = await elsewhere(mesh, name)
  const { line } = await createToken('client')
  const joined = await mesh.run(['join', '--no-mdns', line], { env })
  expect(joined.code, joined.stderr).toBe(0)

  return { env, dir: joinPath(env.MESHMARK_DATA, files.meshId, 'client', '0') }
}

describe('a stranger', () => {
  it('is refused every protocol but join, in words', async () => {
    const stranger = await started()
    const master = await stranger.connect(mesh.address)
    const { manifest } = await packFiles([{ source: Buffer.from('x'), path: 'x' }])

    for (const words of [
      await refusalOf(stranger, master.id, submit, { kind: 'nodes' }),
      await refusalOf(stranger, master.id, admin, { kind: 'list-tokens' }),
      await refusalOf(stranger, master.id, register, { kind: 'register', info: { ...INFO, peerId: stranger.peerId, name: 'x' }, holds: [] }),
      await refusalOf(stranger, master.id, task, { kind: 'begin', execution: `${ulid()}/any/${stranger.peerId}/0` }),
      await refusalOf(stranger, master.id, payload, { kind: 'offer', manifest })
    ]) {
      expect(words).toMatch(/needs a membership of this mesh, and you have none: join first/)
    }

    expect(await refusalOf(stranger, master.id, join, { kind: 'renew' })).toMatch(/only a member can renew/)
    expect(await refusalOf(stranger, master.id, join, { kind: 'join', tokenId: 'aaaaaaaaaa', secret: new Uint8Array(16), name: 'x' })).toMatch(/not known here/)
  })

  it('is sent away after a while', async () => {
    const stranger = await started()
    const gone = new Promise<void>(resolve => { stranger.addEventListener('peer:gone', () => { resolve() }) })
    await stranger.connect(mesh.address)
    await gone
    expect(stranger.peers()).toEqual([])
  })

  it('has no command that says more than how to join', async () => {
    const env = await elsewhere(mesh, 'stranger')

    const where = ['--no-mdns', '--master', mesh.address]

    for (const command of [['nodes', ...where], ['run', ...where, 'true'], ['jobs', ...where], ['token', 'ls', ...where], ['worker', ...where]]) {
      const result = await mesh.run(command, { env })
      expect(errorOf(result)).toMatch(/no membership for the mesh at .*: get a token there/)
      expect(result.stdout).toBe('')
      expect(result.code).toBe(4)
    }
  })
})

describe('a token', () => {
  it('that was revoked admits neither a client nor a worker', async () => {
    for (const role of ['client', 'worker']) {
      const { line, id } = await createToken(role)
      expect((await mesh.run(['token', 'revoke', id])).code).toBe(0)
      const result = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, `revoked-${role}`) })
      expect(errorOf(result)).toMatch(new RegExp(`token ${id} was revoked: ask for a new one`))
      expect(result.code).toBe(5)
    }
  })

  it('that has expired admits neither, and both clocks are told', async () => {
    for (const role of ['client', 'worker']) {
      const { line, id } = await createToken(role, '--ttl', '1ms')
      const result = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, `expired-${role}`) })
      expect(errorOf(result)).toMatch(new RegExp(`token ${id} expired at \\d{4}-.*Z, and here it is \\d{4}-.*Z`))
      expect(result.code).toBe(5)
    }
  })

  it('that is used up admits nobody else', async () => {
    const { line, id } = await createToken('client', '--uses', '1')
    expect((await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, 'used-1') })).code).toBe(0)
    const second = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, 'used-2') })
    expect(errorOf(second)).toContain(`token ${id} is used up`)
    expect(second.code).toBe(5)
  })

  it('for once admits one of many that come at once', async () => {
    const { token } = await createToken('client', '--uses', '1')
    const { id, secret } = parseToken(token)
    const answers = await Promise.all(Array.from({ length: 5 }, async (_, i) => {
      const stranger = await started()
      const master = await stranger.connect(mesh.address)

      return request(stranger, master.id, join, { kind: 'join', tokenId: id, secret, name: `twin-${i}` })
    }))

    expect(answers.filter(answer => answer.kind === 'joined')).toHaveLength(1)
  })

  it('for a client makes no worker, and one of a worker no client', async () => {
    const client = await createToken('client')
    const asWorker = await mesh.run(['worker', '--no-mdns', '--token', client.line], { env: await elsewhere(mesh, 'wrong-role') })
    expect(errorOf(asWorker)).toMatch(/for the role client, not worker/)
    expect(asWorker.code).toBe(2)
  })

  it('with another secret is answered like one that never was', async () => {
    const { token } = await createToken('client')
    const stranger = await started()
    const master = await stranger.connect(mesh.address)
    const { id, secret } = parseToken(token)
    secret[0]! ^= 1
    const wrong = await refusalOf(stranger, master.id, join, { kind: 'join', tokenId: id, secret, name: 'x' })

    expect(wrong).toBe(await refusalOf(stranger, master.id, join, { kind: 'join', tokenId: 'aaaaaaaaaa', secret, name: 'x' }))
  })
})

describe('an envelope', () => {
  it('signed by another key is turned away at hello', async () => {
    const other = await generateKeyPair('Ed25519')
    const node = await started({ roles: ['client'], sealedBy: other })
    expect(await helloOf(node)).toMatch(/^refused: .*sealed by …\w{8}, not by the key of mesh …\w{8}/)
  })

  it('of somebody else is turned away at hello', async () => {
    const { membership } = await insider('client')
    const key = await generateKeyPair('Ed25519')
    const node = await MeshNode.create({ identity: key, meshId: files.meshId })
    nodes.push(node)
    await node.start()
    expect(() => { node.setMembership(membership) }).toThrow(/is for …\w{8}, but this node is/)
    expect(node.roles.size).toBe(0)
    // nor does a node that does not look at what it shows
    expect(await sayHello(key, membership)).toMatch(/belongs to …\w{8}, not to …\w{8} which shows it/)
  })

  it('that has expired is turned away with both clocks', async () => {
    const node = await started({ roles: ['client'], expiresAt: Date.now() - 1_000 })
    expect(await helloOf(node)).toMatch(/^refused: .*expired at \d{4}-\S+Z: the mesh's clock says \d{4}-\S+Z, the clock of villain says \d{4}-\S+Z/)
  })

  it.each([
    ['signed by another key', async (mine: Membership) => sealMembership(await generateKeyPair('Ed25519'), mine), /sealed by/],
    ['that has expired too long ago', async (mine: Membership) => sealMembership(files.meshKey, { ...mine, expiresAt: Date.now() - 91 * 24 * HOUR }), /membership of this machine has ended.*: join again/],
    ['of somebody else', async () => (await insider('client')).membership, /membership of this machine has ended: join again/]
  ])('%s in the data folder is told at the command line', async (title, forge, pattern) => {
    const { env, dir } = await clientElsewhere(`envelope-${title.replaceAll(' ', '-')}`)
    const path = joinPath(dir, 'membership.json')
    const stored = JSON.parse(await readFile(path, 'utf8'))
    const peerId = idOf(await loadOrCreateIdentity(joinPath(dir, 'identity.key')))
    const forged = await forge({ peerId, roles: ['client'], name: 'me', issuedAt: 0, expiresAt: Date.now() + HOUR })
    await writeFile(path, JSON.stringify({ ...stored, membership: Buffer.from(forged).toString('base64') }), { mode: 0o600 })

    const result = await mesh.run(['nodes', '--no-mdns'], { env })
    expect(errorOf(result)).toMatch(pattern)
    expect(result.code).toBe(5)
  })
})

/** Says hello as a node would that checks nothing of what it shows; returns how it is answered. */
async function sayHello (key: PrivateKey, membership: Uint8Array): Promise<string> {
  const transport = await createTransport({ identity: key, listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })

  try {
    await transport.start()
    const connection = await transport.dial(multiaddr(mesh.address))
    const reply = await exchangeHello(connection, { version: VERSION, bootNonce: new Uint8Array(16), membership, meshTimeMs: Date.now() }, 'boss', AbortSignal.timeout(10_000))

    return reply.kind === 'refused' ? reply.reason : reply.kind
  } finally {
    await transport.stop()
  }
}

describe('a worker\'s membership', () => {
  it('neither submits, nor administers, nor commands', async () => {
    const { node, master, identity } = await insider('worker')
    const job = await sealJob(identity, exampleJob(node.peerId, ulid()))
    const claim = { term: 1_000, master: node.peerId }

    expect(await refusalOf(node, master.id, submit, { kind: 'submit', job })).toMatch(/^submit is for a client or a admin; your membership is for a worker$/)
    expect(await refusalOf(node, master.id, submit, { kind: 'jobs', limit: 5 })).toMatch(/submit is for a client/)
    expect(await refusalOf(node, master.id, admin, { kind: 'list-tokens' })).toMatch(/^admin is for a admin; your membership is for a worker$/)
    expect(await refusalOf(node, master.id, admin, { kind: 'drain', node: 'lab-1', undo: false })).toMatch(/admin is for a admin/)
    expect(await refusalOf(node, master.id, slot, { id: 1, kind: 'cancel', claim, job: ulid() })).toMatch(/slot|does not answer/)
    expect(await refusalOf(node, master.id, clock as Protocol<any, any>, { sentMs: 0 })).toMatch(/clock|does not answer/)
  })

  it('registers only its own bearer', async () => {
    const { node, master } = await insider('worker')
    const another = await insider('worker')

    expect(await refusalOf(node, master.id, register, { kind: 'register', info: { ...INFO, peerId: another.node.peerId, name: 'lab-1' }, holds: [] })).toMatch(/names another worker/)
  })

  it('makes no master: a client and a worker that dial it turn away, and say no secret', async () => {
    const key = await generateKeyPair('Ed25519')
    const rogue = await started({ key, roles: ['worker'], listen: true })
    const said: unknown[] = []
    rogue.handle({ ...join, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })
    rogue.handle({ ...register, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })
    rogue.handle({ ...submit, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })

    const { token } = await createToken('worker')
    const asWorker = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(rogue)}`], { env: await elsewhere(mesh, 'rogue-worker') })
    expect(errorOf(asWorker)).toMatch(/villain is no master of mesh …\w{8}/)
    expect(asWorker.code).toBe(5)

    const { env, dir } = await clientElsewhere('rogue-client')
    const path = joinPath(dir, 'membership.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), masters: [] }), { mode: 0o600 })
    const asClient = await mesh.run(['run', '--no-mdns', '--master', endpoint(rogue), 'true'], { env })
    expect(errorOf(asClient)).toMatch(/villain is no master of mesh …\w{8}/)
    expect(asClient.code).toBe(5)
    expect(said).toEqual([])
  })

  it('makes no master for a worker that is in already: it stays with the one it has', async () => {
    expect((await mesh.run(['run', '--runs', '1', '--on', 'lab-1', 'true'])).code).toBe(0)
  })

  it('is no way around for the master of another mesh', async () => {
    const key = await generateKeyPair('Ed25519')
    const other = await started({ roles: ['master'], sealedBy: key, listen: true })
    const { token } = await createToken('worker')
    const result = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(other)}`], { env: await elsewhere(mesh, 'other-mesh') })

    expect(errorOf(result)).toMatch(/sealed by …\w{8}, not by the key of mesh/)
    expect(result.code).toBe(5)
  })
})

describe('a payload', () => {
  const content = Buffer.from('#!/bin/sh\necho hello\n')

  async function ticketBy (key: PrivateKey, ticket: Partial<Ticket> & Pick<Ticket, 'payload' | 'sender' | 'receiver'>): Promise<Uint8Array> {
    return seal(key, TICKET_DOMAIN, encodeTicket({ expiresMs: Date.now() + HOUR, ...ticket }))
  }

  it('is taken by a master only with a ticket of its own, made out for this very transfer', async () => {
    const { node, master, identity } = await insider('worker')
    const { manifest } = await packFiles([{ source: content, path: 'served.sh' }])
    const right = { payload: manifest.id, sender: node.peerId, receiver: master.id }
    const offer = async (ticket?: Uint8Array): Promise<string> => refusalOf(node, master.id, payload, { kind: 'offer', manifest, ticket })

    expect(await offer()).toMatch(/only with a ticket of the coordinator/)
    expect(await offer(await ticketBy(identity, right))).toMatch(/sealed by \w{8}, which is no master/)
    expect(await offer(await ticketBy(files.masterIdentity, { ...right, sender: idOf(await generateKeyPair('Ed25519')) }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(files.masterIdentity, { ...right, receiver: node.peerId }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(files.masterIdentity, { ...right, payload: '0'.repeat(64) }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(files.masterIdentity, { ...right, expiresMs: Date.now() - 1 }))).toMatch(/ticket has expired/)
    expect(await offer(new Uint8Array([1, 2, 3]))).toMatch(/damaged or forged/)
    expect(await offer(await ticketBy(files.masterIdentity, right))).toBe('answered accept')
  })

  it('is taken from a client only when it was asked for it', async () => {
    const { node, master, identity } = await insider('client')
    const other = await insider('client')
    const { manifest } = await packFiles([{ source: Buffer.from('asked for'), path: 'asked' }])
    const offer = async (from: MeshNode): Promise<string> => refusalOf(from, master.id, payload, { kind: 'offer', manifest })

    expect(await offer(node)).toMatch(/submit a job that needs this payload first/)
    const job = await sealJob(identity, exampleJob(node.peerId, ulid(), { payload: manifest }))
    expect(await request(node, master.id, submit, { kind: 'submit', job })).toEqual({ kind: 'need-payload', payload: manifest.id })
    expect(await offer(other.node)).toMatch(/submit a job that needs this payload first/)

    // another client that is asked for the same does not take the first one's place
    const second = await sealJob(other.identity, exampleJob(other.node.peerId, ulid(), { payload: manifest }))
    expect(await request(other.node, master.id, submit, { kind: 'submit', job: second })).toMatchObject({ kind: 'need-payload' })
    expect(await offer(node)).toBe('answered accept')
  })

  it('is taken by a worker only with a master\'s ticket, made out for this very transfer', async () => {
    const key = await generateKeyPair('Ed25519')
    const master = await started({ key, roles: ['master'], listen: true })
    const { promise: registered, resolve } = Promise.withResolvers<string>()

    master.handle(join, async (channel, peer) => {
      await channel.receive()
      const membership = await sealMembership(files.meshKey, { peerId: peer.id, roles: ['worker'], name: 'lab-x', issuedAt: 0, expiresAt: Date.now() + HOUR })
      await channel.send({ kind: 'joined', membership, masters: master.addresses() })
    })
    master.handle(register, async (channel, peer) => {
      await channel.receive()
      await channel.send({ kind: 'registered', name: 'lab-x', meshTimeMs: Date.now() })
      resolve(peer.id)
      while (await channel.receive() != null) { /* its reports */ }
    })

    const { token } = await createToken('worker')
    const child = mesh.start(['join', '--no-mdns', `${token}@${endpoint(master)}`], { env: await elsewhere(mesh, 'ticket-worker') })

    try {
      const receiver = await registered
      const { manifest, readChunk } = await packFiles([{ source: content, path: 'served.sh' }])
      const right = { payload: manifest.id, sender: master.peerId, receiver }
      const offer = async (ticket?: Uint8Array): Promise<string> => refusalOf(master, receiver, payload, { kind: 'offer', manifest, ticket })

      expect(await offer()).toMatch(/only with a ticket of the coordinator/)
      expect(await offer(await ticketBy(await generateKeyPair('Ed25519'), right))).toMatch(/which is no master here/)
      expect(await offer(await ticketBy(key, { ...right, receiver: master.peerId }))).toMatch(/for another transfer/)
      expect(await offer(await ticketBy(key, { ...right, expiresMs: Date.now() - HOUR }))).toMatch(/ticket has expired/)

      const channel = await master.openChannel(receiver, payload)
      await channel.send({ kind: 'offer', manifest, ticket: await ticketBy(key, right) })
      expect(await channel.receive()).toEqual({ kind: 'accept', missing: [0] })
      await channel.send({ kind: 'chunk', index: 0, data: await readChunk(0) })
      expect(await channel.receive()).toEqual({ kind: 'complete' })
    } finally {
      child.kill('SIGTERM')
      expect((await child.closed).code).toBe(0)
    }
  })

  it('is not taken by a worker from another worker that it dialled by mistake', async () => {
    const key = await generateKeyPair('Ed25519')
    const rogue = await started({ key, roles: ['worker'], listen: true })
    const { manifest } = await packFiles([{ source: content, path: 'served.sh' }])
    const { promise, resolve } = Promise.withResolvers<string>()
    rogue.addEventListener('peer', ({ detail }) => {
      // before it has had time to turn away
      void ticketBy(key, { payload: manifest.id, sender: rogue.peerId, receiver: detail.id })
        .then(async ticket => refusalOf(rogue, detail.id, payload, { kind: 'offer', manifest, ticket }))
        .then(resolve)
    })

    const { token } = await createToken('worker')
    const result = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(rogue)}`], { env: await elsewhere(mesh, 'rogue-payload') })
    expect(result.code).toBe(5)
    expect(await promise).not.toMatch(/^answered/)
  })
})

describe('a client\'s membership', () => {
  it('neither registers, nor delivers, nor administers', async () => {
    const { node, master } = await insider('client')

    expect(await refusalOf(node, master.id, register, { kind: 'register', info: { ...INFO, peerId: node.peerId, name: 'x' }, holds: [] })).toMatch(/^register is for a worker; your membership is for a client$/)
    expect(await refusalOf(node, master.id, task, { kind: 'begin', execution: `${ulid()}/any/${node.peerId}/0` })).toMatch(/^task is for a worker; your membership is for a client$/)
    expect(await refusalOf(node, master.id, admin, { kind: 'create-token', role: 'admin', ttlMs: HOUR })).toMatch(/^admin is for a admin; your membership is for a client$/)
  })

  it('does not administer at the command line', async () => {
    const { env } = await clientElsewhere('no-admin')

    for (const command of [['token', 'create', 'admin'], ['token', 'ls'], ['drain', 'lab-1']]) {
      const result = await mesh.run([...command, '--no-mdns'], { env })
      expect(errorOf(result)).toMatch(/this machine is no administrator of mesh …\w{8}: join with an admin token/)
      expect(result.code).toBe(5)
    }
  })

  it('opens nothing of another client\'s jobs', async () => {
    const { env } = await clientElsewhere('curious')
    const submitted = await mesh.run(['exec', '--detach', '--name', 'secret', 'sh', '-c', 'echo hidden; sleep 5'])
    const id = submitted.stdout.trim()
    expect(submitted.code).toBe(0)

    for (const command of [['show', id], ['attach', id], ['logs', id], ['cancel', id], ['show', 'secret'], ['cancel', 'secret']]) {
      const result = await mesh.run([...command, '--no-mdns'], { env })
      expect(errorOf(result)).toMatch(/belongs to another client/)
      expect(result.stdout).toBe('')
      expect(result.code).toBe(5)
    }

    const listed = await mesh.run(['jobs', '--no-mdns', '--format', 'json'], { env })
    expect(listed.code).toBe(0)
    expect(listed.stdout.toUpperCase()).not.toContain(id.toUpperCase())

    const last = await mesh.run(['show', '@last', '--no-mdns'], { env })
    expect(errorOf(last)).toMatch(/not submitted a job/)

    // it went on, untouched
    expect((await mesh.run(['attach', 'secret'])).code).toBe(0)
    expect((await mesh.run(['logs', 'secret'])).stdout).toBe('hidden\n')
  })

  it('submits only what its own key has sealed', async () => {
    const { node, master, identity } = await insider('client')
    const key = await generateKeyPair('Ed25519')

    for (const job of [
      await sealJob(key, exampleJob(node.peerId, ulid())),
      await sealJob(key, exampleJob(idOf(key), ulid())),
      await sealJob(identity, exampleJob(idOf(key), ulid()))
    ]) {
      expect(await refusalOf(node, master.id, submit, { kind: 'submit', job })).toMatch(/not sealed by the client that submits it/)
    }

    expect(await refusalOf(node, master.id, submit, { kind: 'submit', job: new Uint8Array(100) })).toMatch(/damaged or forged/)
  })
})

describe('a job id', () => {
  it('submitted twice is the same job, with another content a conflict', async () => {
    const id = ulid()
    const first = await mesh.run(['exec', '--id', id, 'echo', 'one'])
    expect(first).toMatchObject({ code: 0, stdout: 'one\n' })

    const { node, master, identity } = await insider('client')
    const theirs = await sealJob(identity, exampleJob(node.peerId, id))
    expect(await refusalOf(node, master.id, submit, { kind: 'submit', job: theirs })).toMatch(/was submitted before with another content/)

    const other = await mesh.run(['run', '--id', id, '--runs', '1', 'true'])
    expect(errorOf(other)).toMatch(/was submitted before with another content/)
    expect(other.code).toBe(5)

    const mine = ulid()
    const job = await sealJob(identity, exampleJob(node.peerId, mine))
    expect(await request(node, master.id, submit, { kind: 'submit', job })).toMatchObject({ kind: 'accepted', id: mine, existing: false })
    expect(await request(node, master.id, submit, { kind: 'submit', job })).toMatchObject({ kind: 'accepted', id: mine, existing: true })
  })

  it('submitted many times at once is one job, and of two contents one is a conflict', async () => {
    const { node, master, identity } = await insider('client')
    const id = ulid()
    const jobs = await Promise.all(['a', 'b', 'a', 'b', 'a', 'b'].map(async name => sealJob(identity, exampleJob(node.peerId, id, { name }))))
    const replies = await Promise.all(jobs.map(async job => request(node, master.id, submit, { kind: 'submit', job })))

    expect(replies.filter(reply => reply.kind === 'accepted' && !reply.existing)).toHaveLength(1)
    expect(replies.filter(reply => reply.kind === 'accepted')).toHaveLength(3)
    expect(replies.filter(reply => reply.kind === 'refused' && reply.code === 'conflict')).toHaveLength(3)
  })
})

describe('a revoked member', () => {
  it('is out at once, and does not come back with what it had, nor with a new token', async () => {
    const { env } = await clientElsewhere('outcast')
    const started = mesh.start(['exec', '--no-mdns', 'sh', '-c', 'echo begun; sleep 6'], { env })
    let stderr = ''
    started.stderr.on('data', data => { stderr += data })
    await new Promise(resolve => started.stdout.once('data', resolve))

    const { membership } = await memberOf(env)
    const revoked = await mesh.run(['token', 'revoke', '--member', membership.name])
    expect(revoked.code, revoked.stderr).toBe(0)

    // exec leaves the small exit codes to the program
    expect((await started.closed).code).toBe(125)
    expect(stderr).toMatch(/meshmark: .*revoked/)

    const again = await mesh.run(['nodes', '--no-mdns'], { env })
    expect(errorOf(again)).toMatch(/was revoked: ask for a new join token/)
    expect(again.code).toBe(5)

    const { line } = await createToken('client')
    const anew = await mesh.run(['join', '--no-mdns', line], { env })
    expect(anew.code).toBe(5)
    expect(errorOf(anew)).toMatch(/revoked/)
  })

  it('that was a worker gets no work any more, and ends in order', async () => {
    const outcast = await mesh.worker('lab-out')
    expect((await mesh.run(['run', '--runs', '1', '--on', 'lab-out', 'true'])).code).toBe(0)
    expect((await mesh.run(['token', 'revoke', '--member', 'lab-out'])).code).toBe(0)
    await outcast.line(/revoked/)

    const refused = await mesh.run(['run', '--on', 'lab-out', 'true'])
    expect(refused.code).toBe(4)
    expect((await outcast.stop()).code).toBe(0)
  })

  it('cannot be the only master', async () => {
    const result = await mesh.run(['token', 'revoke', '--member', 'boss'])
    expect(errorOf(result)).toMatch(/is the only master at hand/)
    expect((await mesh.run(['nodes'])).code).toBe(0)
  })
})

async function memberOf (env: Record<string, string>): Promise<{ membership: { name: string } }> {
  const [meshId] = await readdir(env.MESHMARK_DATA!)
  const { membership } = JSON.parse(await readFile(joinPath(env.MESHMARK_DATA!, meshId!, 'client', '0', 'membership.json'), 'utf8'))

  return readMembership(Buffer.from(membership, 'base64'))
}

describe('after all of this', () => {
  it('master and worker are what they were', async () => {
    await eventually('lab-1 is waiting', async () => /lab-1.*waiting/.test((await mesh.run(['nodes'])).stdout))
    expect((await mesh.run(['run', '--runs', '2', '--on', 'lab-1', 'true'])).code).toBe(0)
    expect((await worker.stop()).code).toBe(0)
    expect((await boss.stop()).code).toBe(0)
  })
})
