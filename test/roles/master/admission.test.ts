import '../../../src/node/polyfill.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMeshKey, meshIdOf, openMembership, sealMembership } from '../../../src/node/membership.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import { join as joinProtocol } from '../../../src/node/protocol/join/index.ts'
import { request } from '../../../src/node/request.ts'
import { formatHttpToken, formatToken, parseHttpToken, parseToken } from '../../../src/node/token.ts'
import { linkToMaster } from '../../../src/roles/link.ts'
import { writeLocalMaster } from '../../../src/roles/local.ts'
import { Admission, REMOVED } from '../../../src/roles/master/admission.ts'
import { FORGOTTEN_MS, SEEN_AGAIN_MS } from '../../../src/roles/master/admission-rules.ts'
import { Bearers } from '../../../src/roles/master/bearers.ts'
import { Pages } from '../../../src/roles/master/pages.ts'
import { Drains } from '../../../src/roles/master/drains.ts'
import { loadMember, saveMembership } from '../../../src/roles/member.ts'
import { covers, Replica } from '../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../src/store/journal.ts'
import type { Role } from '../../../src/model/roles.ts'
import type { PrivateKey } from '@libp2p/interface'

/** One master without the rest: who comes in, and what it shares. */
interface Half {
  journal: Journal
  replica: Replica
  admission: Admission
  drains: Drains
  drained: Array<[string, boolean]>
  node: MeshNode
  address: string
}

let dir: string
let meshKey: PrivateKey
let meshId: string
let a: Half
let b: Half
const nodes: MeshNode[] = []

async function half (name: string, other: () => Half | undefined): Promise<Half> {
  const identity = await generateKeyPair('Ed25519')
  const peerId = meshIdOf(identity)
  const journal = await Journal.open(join(dir, name))
  const replica = await Replica.open(journal, { peerId })
  const revoked = new Set<string>()
  const admission = new Admission({ replica, journal, meshKey, meshId, peerId, log: () => {} }, revoked)
  await admission.load()
  const node = await MeshNode.create({ identity, membership: await admission.admitSelf(name), listen: ['/ip4/127.0.0.1/tcp/0'], meshTime: () => Date.now(), isRevoked: id => revoked.has(id) })
  const drained: Array<[string, boolean]> = []
  const drains = new Drains({ replica, peerId, onDrain: (worker, { drain }) => { drained.push([worker, drain]) } })
  await drains.load()
  await node.start()
  nodes.push(node)
  admission.serve(node, {
    addresses: () => node.addresses(),
    live: () => [other()].flatMap(half => half == null ? [] : [half.node.peerId]),
    replicated: async position => {
      const half = other()

      if (half != null) {
        await tell(replica, half.replica)
        expect(covers(half.replica.vector(), position)).toBe(true)
      }
    }
  })

  return { journal, replica, admission, drains, drained, node, address: node.addresses()[0]! }
}

async function tell (from: Replica, to: Replica): Promise<void> {
  for await (const page of from.missing(to.vector())) {
    await to.take(page)
  }
}

/** A newcomer asks for a membership; the words of a refusal, or the name that it got. */
async function ask (master: Half, text: string): Promise<{ name?: string, peerId: string, refusal?: string }> {
  const token = parseToken(text)
  const newcomer = await MeshNode.create({ identity: await generateKeyPair('Ed25519'), meshId })
  nodes.push(newcomer)
  await newcomer.start()
  const peer = await newcomer.connect(master.address, { expectMesh: meshId })
  const reply = await request(newcomer, peer.id, joinProtocol, { kind: 'join', tokenId: token.id, secret: token.secret, name: 'lab' })

  if (reply.kind === 'refused') {
    return { refusal: reply.reason, peerId: newcomer.peerId }
  }

  const { name, peerId } = await openMembership(reply.membership, meshId)

  return { name, peerId }
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meshmark-admission-'))
  vi.stubEnv('XDG_RUNTIME_DIR', dir)
  meshKey = await createMeshKey()
  meshId = meshIdOf(meshKey)
  a = await half('a', () => b)
  b = await half('b', () => a)
})

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(async node => node.stop()))
  await Promise.all([a, b].map(async ({ journal }) => journal.close()))
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true, force: true })
})

describe('a token of the HTTP interface', () => {
  const bearersOf = (half: Half): Bearers => new Bearers({ admission: half.admission, meshKey, meshId, addresses: () => [half.address] })

  it('is good at every master, until one revokes it', async () => {
    const { text, row } = await a.admission.tokens.create('client', { ttlMs: 60_000, http: 'full', name: 'page' })
    const revoked: string[] = []

    bearersOf(a).onRevoked(id => { revoked.push(id) })
    expect(bearersOf(b).check(text)).toEqual({ id: row.id, role: 'client', access: 'full', name: 'page', expiresAt: row.expiresAt })
    await b.admission.tokens.revoke(row.id)
    expect(revoked).toEqual([row.id])
    expect(() => bearersOf(a).check(text)).toThrow(/was revoked/)
  })

  it('is told from a wrong one by its secret alone, and lets nobody join', async () => {
    const { text } = await a.admission.tokens.create('client', { ttlMs: 60_000, http: 'full' })
    const { text: other } = await a.admission.tokens.create('client', { ttlMs: 60_000, http: 'full' })
    const { text: joining } = await a.admission.tokens.create('client', { ttlMs: 60_000 })
    const { id } = parseHttpToken(text)!

    for (const wrong of ['', joining, text.slice(0, -1), formatHttpToken({ id, secret: parseHttpToken(other)!.secret })]) {
      expect(() => bearersOf(a).check(wrong)).toThrow(/not known here/)
    }

    expect(await ask(a, formatToken({ meshId, role: 'client', id, secret: parseHttpToken(text)!.secret.slice(0, 16) }))).toMatchObject({ refusal: expect.stringMatching(/not known/) })
    await expect(a.admission.tokens.create('worker', { ttlMs: 60_000, http: 'full' })).rejects.toThrow(/not for a worker/)
  })

  it('has one and the same client behind it at every master', async () => {
    const { text } = await a.admission.tokens.create('client', { ttlMs: 60_000, http: 'full' })
    const clients = await Promise.all([a, b].map(async half => bearersOf(half).connect(bearersOf(half).check(text))))

    expect(clients[0]!.peerId).toBe(clients[1]!.peerId)
    expect(clients.map(({ master }) => master.name)).toEqual(['a', 'b'])
    await Promise.all(clients.map(async client => client.close()))
  })
})

describe('a page that a client opens', () => {
  const bearersOf = (half: Half): Bearers => new Bearers({ admission: half.admission, meshKey, meshId, addresses: () => [half.address] })
  const pagesOf = (half: Half): Pages => new Pages({ tokens: half.admission.tokens, members: half.admission.members, addresses: { masters: () => [{ peerId: 'M', urls: ['http://10.0.0.1:4748'] }, { peerId: 'gone', urls: ['http://10.0.0.2:4748'] }] }, nameOf: id => id === 'M' ? 'master' : undefined })
  const member = async (half: Half): Promise<string> => (await ask(half, (await half.admission.tokens.create('client', { ttlMs: 60_000 })).text)).peerId

  it('has a token of at most the rights of that client, and addresses of masters that are there', async () => {
    const client = await member(a)
    const pages = pagesOf(a)

    expect(await pages.answer({ kind: 'page', access: 'full' }, { peerId: client, admin: false })).toEqual({ kind: 'page', masters: [{ peerId: 'M', name: 'master', urls: ['http://10.0.0.1:4748'] }] })
    expect((await pages.answer({ kind: 'page', ttlMs: 60_000, access: 'full' }, { peerId: client, admin: false })).token).toMatchObject({ role: 'client', access: 'full' })
    expect((await pages.answer({ kind: 'page', ttlMs: 60_000, access: 'read' }, { peerId: client, admin: true })).token).toMatchObject({ role: 'admin', access: 'read' })
    await expect(pages.answer({ kind: 'page', ttlMs: 60_000, access: 'full', owner: await member(a) }, { peerId: client, admin: false })).rejects.toThrow('a client opens pages for itself alone')
  })

  it('is that client to every master: its jobs are the same, today and tomorrow', async () => {
    const client = await member(a)
    const tokens = await Promise.all([1, 2].map(async () => (await pagesOf(a).answer({ kind: 'page', ttlMs: 60_000, access: 'full' }, { peerId: client, admin: false })).token!))
    const one = await bearersOf(a).connect(bearersOf(a).check(tokens[0]!.text))
    const two = await bearersOf(b).connect(bearersOf(b).check(tokens[1]!.text))

    await Promise.all([one, two].map(async page => page.close()))
    expect(one.peerId).toBe(two.peerId)
    expect(one.peerId).not.toBe(client)
    expect([a, b].map(({ admission }) => admission.members.principalOf(one.peerId))).toEqual([client, client])
    expect(a.admission.members.principalOf(client)).toBe(client)
  })

  it('ends with that client', async () => {
    const client = await member(a)
    const { token } = await pagesOf(a).answer({ kind: 'page', ttlMs: 60_000, access: 'full' }, { peerId: client, admin: false })
    const ended: string[] = []

    bearersOf(b).onRevoked(id => { ended.push(id) })
    await a.admission.revokeMember(client)
    expect(ended).toContain(token!.id)
    expect(() => bearersOf(a).check(token!.text)).toThrow(/was revoked/)
    expect(() => bearersOf(b).check(token!.text)).toThrow(/was revoked/)
  })

  it('is one of fifty at most', async () => {
    const client = await member(a)
    const open = async () => pagesOf(a).answer({ kind: 'page', ttlMs: 60_000, access: 'read' }, { peerId: client, admin: false })

    for (let number = 0; number < 50; number++) {
      await open()
    }

    await expect(open()).rejects.toThrow(/50 tokens for pages of this client are valid/)
  })
})

describe('two masters', () => {
  it('take each other\'s tokens, and let a single use be one', async () => {
    const { text } = await a.admission.tokens.create('client', { ttlMs: 60_000, uses: 1 })

    expect(await ask(b, text)).toMatchObject({ name: 'lab' })
    expect((await ask(a, text)).refusal).toMatch(/is used up/)
  })

  it('count every use, also of those that come at once', async () => {
    const { text, row } = await a.admission.tokens.create('client', { ttlMs: 60_000, uses: 3 })
    const answers = await Promise.all(Array.from({ length: 5 }, async () => ask(a, text)))

    expect(answers.filter(({ refusal }) => refusal == null)).toHaveLength(3)
    await tell(a.replica, b.replica)
    expect(b.admission.tokens.list().find(({ id }) => id === row.id)?.usesLeft).toBe(0)
    expect(new Set(answers.flatMap(({ name }) => name ?? [])).size).toBe(3)
  })

  it('give no name twice', async () => {
    const { text } = await a.admission.tokens.create('worker', { ttlMs: 60_000 })

    expect((await ask(a, text)).name).toBe('lab')
    await tell(a.replica, b.replica)
    expect((await ask(b, text)).name).toBe('lab-2')
  })

  it('keep the tokens of their own machine to themselves, unless its files say the same', async () => {
    const text = await a.admission.tokens.createLocal('worker', 60_000)
    await tell(a.replica, b.replica)
    expect((await ask(b, text)).refusal).toMatch(/not known here/)
    expect(await ask(a, text)).toMatchObject({ name: 'lab' })

    const others = await Promise.all((['client', 'admin', 'master'] as const).map(async role => a.admission.tokens.createLocal(role, 60_000)))
    await writeLocalMaster({ meshId, peerId: a.node.peerId, pid: process.pid, startedAtMs: 0, addresses: [], tokens: { worker: text, client: others[0]!, admin: others[1]!, master: others[2]! } })
    expect((await ask(b, text)).name).toMatch(/^lab/)
  })

  it('revoke a token and a member for both', async () => {
    const { text, row } = await a.admission.tokens.create('client', { ttlMs: 60_000 })
    const member = await ask(a, text)
    await tell(a.replica, b.replica)

    await b.admission.tokens.revoke(row.id)
    expect((await ask(a, text)).refusal).toMatch(/was revoked/)
    expect(await b.admission.revokeMember(member.name!)).toMatchObject({ self: false, members: [{ peerId: member.peerId }] })
    await expect(a.admission.revokeMember(member.name!)).rejects.toThrow(/no member 'lab'/)
  })

  it('put one of them out, which hears of it', async () => {
    await tell(b.replica, a.replica)
    expect(a.admission.members.isMaster('b')).toBe(true)
    await a.admission.revokeMember('b')

    expect(await b.admission.removed).toBe(REMOVED)
    expect(a.admission.members.isMaster('b')).toBe(false)
    expect(JSON.parse(Buffer.from((await a.replica.get(`master/${b.node.peerId}`))!).toString())).toMatchObject({ removed: true })
  })

  it('may put out the one that is asked, as long as another is there', async () => {
    expect(await a.admission.revokeMember('a')).toMatchObject({ self: true })

    const alone = await half('alone', () => undefined)
    await expect(alone.admission.revokeMember('alone')).rejects.toThrow(/is the only master at hand/)
    await alone.journal.close()
  })

  it('has not begun to leave when it could not write down that it was put out', async () => {
    await a.journal.close()
    await expect(a.admission.revokeMember('a')).rejects.toThrow(/is closed/)

    // as another master says it later
    a.admission.leave(REMOVED)
    expect(await a.admission.removed).toBe(REMOVED)
  })

  it('know of each other who drains, and who said so last', async () => {
    await a.drains.set('w', true)
    await tell(a.replica, b.replica)
    expect(b.drains.isDraining('w')).toBe(true)

    await b.drains.set('w', false)
    await tell(b.replica, a.replica)
    expect(a.drains.isDraining('w')).toBe(false)
    expect(a.drained).toEqual([['w', true], ['w', false]])
    expect(b.drained).toEqual([['w', true], ['w', false]])
  })

  it('find all of it again after a restart', async () => {
    const { row } = await a.admission.tokens.create('client', { ttlMs: 60_000, uses: 2 })
    await a.drains.set('w', true)
    const replica = await Replica.open(a.journal, { peerId: a.node.peerId })
    const revoked = new Set<string>()
    const admission = new Admission({ replica, journal: a.journal, meshKey, meshId, peerId: a.node.peerId, log: () => {} }, revoked)
    await admission.load()
    const drains = new Drains({ replica, peerId: a.node.peerId, onDrain: () => {} })
    await drains.load()

    expect(admission.tokens.list()).toContainEqual(row)
    expect(admission.members.nameOf(a.node.peerId)).toBe('a')
    expect(drains.isDraining('w')).toBe(true)
  })
})

describe('members that are long gone', () => {
  it('are forgotten at both masters, which then give their names again; those that renew and masters stay', async () => {
    const nowMs = Date.now()
    const gone = nowMs - FORGOTTEN_MS - 1
    const record = (peerId: string, name: string, roles: Role[], atMs: number): { key: string, value: Uint8Array } => ({ key: `member/${peerId}`, value: Buffer.from(JSON.stringify({ peerId, name, roles, joinedAt: 1, atMs })) })
    const records = [record('12D3gone', 'lab', ['worker'], gone), record('12D3there', 'pi', ['worker'], nowMs - FORGOTTEN_MS + 1_000), record('12D3master', 'm', ['master'], gone)]
    const names = ({ admission }: Half): Array<string | undefined> => ['12D3gone', '12D3there', '12D3master'].map(peerId => admission.members.nameOf(peerId))

    for (const { replica, admission } of [a, b]) {
      await replica.write(records)
      await admission.members.forgetOutlived(nowMs)
      await admission.members.forgetOutlived(nowMs)
    }

    expect([names(a), names(b)]).toEqual([[undefined, 'pi', 'm'], [undefined, 'pi', 'm']])
    expect(await a.replica.get('member/12D3gone')).toBeUndefined()
    // what one has forgotten the other one says no more
    await tell(a.replica, b.replica)
    await tell(b.replica, a.replica)
    expect([names(a)[0], names(b)[0]]).toEqual([undefined, undefined])
  })

  it('are those that have not renewed for long: a renewal is written down again after a week, and not before', async () => {
    const { admission, replica } = a
    const peerId = meshIdOf(await generateKeyPair('Ed25519'))
    const atMs = async (): Promise<number> => JSON.parse(Buffer.from((await replica.get(`member/${peerId}`))!).toString()).atMs
    const admit = async (): Promise<Uint8Array> => admission.admitBearer(peerId, { id: 't', role: 'client', hash: '', createdAt: 0, expiresAt: 0, revoked: false })
    const startMs = Date.now()
    const clock = vi.spyOn(Date, 'now')

    try {
      for (const [passedMs, written] of [[0, 0], [SEEN_AGAIN_MS - 1, 0], [SEEN_AGAIN_MS, SEEN_AGAIN_MS], [SEEN_AGAIN_MS + 1, SEEN_AGAIN_MS]] as const) {
        clock.mockReturnValue(startMs + passedMs)
        await admit()
        expect(await atMs()).toBe(startMs + written)
      }
    } finally {
      clock.mockRestore()
    }
  })
})

describe('a member that was away when its membership ran out', () => {
  const DAY_MS = 24 * 60 * 60 * 1000

  /** Comes to master a with what it kept; resolves with the name that it has there. */
  async function comeBack (roles: Role[], awayMs: number, revoke = false): Promise<string> {
    const identity = await generateKeyPair('Ed25519')
    const node = await MeshNode.create({ identity, meshId })
    const home = join(dir, node.peerId)
    const expiresAt = Date.now() - awayMs
    const membership = await sealMembership(meshKey, { peerId: node.peerId, roles, name: 'lab', issuedAt: expiresAt - DAY_MS, expiresAt })

    nodes.push(node)
    await node.start()
    // as it was while it ran
    node.setMembership(membership)
    await saveMembership(home, { meshId, membership, masters: [a.address] })

    if (revoke) {
      await a.replica.write([{ key: `revoked/${node.peerId}`, value: new Uint8Array(0) }])
    }

    const master = await linkToMaster(node, { meshId, addresses: [], typed: false }, { dir: home, name: 'other' })

    expect(master.roles.has('master')).toBe(true)
    expect(a.node.peer(node.peerId)).toMatchObject({ stranger: false, roles: new Set(roles) })
    expect(await loadMember(home, node.peerId)).toBeDefined()

    return a.admission.members.nameOf(node.peerId)!
  }

  it('has it renewed without a token, under its name', async () => {
    expect(await comeBack(['worker'], 30 * DAY_MS)).toBe('lab')
    expect(await comeBack(['client'], 1_000)).toBe('lab-2')
  })

  it('is not let in when it was put out meanwhile, was away for too long, or steers the mesh', async () => {
    await expect(comeBack(['worker'], DAY_MS, true)).rejects.toThrow(/has ended \(.*was revoked.*join again with/)
    await expect(comeBack(['worker'], 91 * DAY_MS)).rejects.toThrow(/too long ago/)
    await expect(comeBack(['admin', 'client'], DAY_MS)).rejects.toThrow(/admin and client is not renewed/)
  })

  it('must show one of its own, sealed by this mesh', async () => {
    const node = await MeshNode.create({ identity: await generateKeyPair('Ed25519'), meshId })
    const renew = async (key: PrivateKey, peerId: string): Promise<unknown> => request(node, a.node.peerId, joinProtocol, {
      kind: 'renew',
      membership: await sealMembership(key, { peerId, roles: ['worker'], name: 'lab', issuedAt: 1, expiresAt: Date.now() - 1 })
    })

    nodes.push(node)
    await node.start()
    await node.connect(a.address, { expectMesh: meshId })
    expect(await renew(meshKey, b.node.peerId)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('another node') })
    await expect(renew(await createMeshKey(), node.peerId)).rejects.toMatchObject({ code: 'refused' })
    expect(await renew(meshKey, node.peerId)).toMatchObject({ kind: 'joined' })
  })
})
