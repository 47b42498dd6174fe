import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { ulid } from 'ulid'
import { describe, expect, it } from 'vitest'
import { exchangeHello } from '../../src/node/hello.ts'
import { loadOrCreateIdentity } from '../../src/node/identity.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { readMembership, sealMembership } from '../../src/node/membership.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { admin } from '../../src/node/protocol/admin/index.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { request } from '../../src/node/request.ts'
import { parseToken } from '../../src/node/token.ts'
import { VERSION } from '../../src/node/version.ts'
import { elsewhere, idOf, refusalOf } from './insider.ts'
import { HOUR, INFO, Visitors, errorOf } from './visitors.ts'
import type { TestMesh } from './mesh.ts'
import type { MeshNode } from '../../src/node/mesh-node.ts'
import type { Membership } from '../../src/model/membership.ts'
import type { PrivateKey } from '@libp2p/interface'

let visitors: Visitors
let mesh: TestMesh

Visitors.forFile(found => { [visitors, mesh] = [found, found.mesh] })

/** How hello ends with the master. */
async function helloOf (node: MeshNode): Promise<string> {
  return node.connect(mesh.address).then(peer => `welcome by ${peer.name}`, err => `${err.code}: ${err.message}`)
}

describe('a stranger', () => {
  it('is refused every protocol but join, in words', async () => {
    const stranger = await visitors.node()
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
    const stranger = await visitors.node()
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
      const { line, id } = await visitors.createToken(role)
      expect((await mesh.run(['token', 'revoke', id])).code).toBe(0)
      const result = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, `revoked-${role}`) })
      expect(errorOf(result)).toMatch(new RegExp(`token ${id} was revoked: ask for a new one`))
      expect(result.code).toBe(5)
    }
  })

  it('that has expired admits neither, and both clocks are told', async () => {
    for (const role of ['client', 'worker']) {
      const { line, id } = await visitors.createToken(role, '--ttl', '1ms')
      const result = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, `expired-${role}`) })
      expect(errorOf(result)).toMatch(new RegExp(`token ${id} expired at \\d{4}-.*Z, and here it is \\d{4}-.*Z`))
      expect(result.code).toBe(5)
    }
  })

  it('that is used up admits nobody else', async () => {
    const { line, id } = await visitors.createToken('client', '--uses', '1')
    expect((await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, 'used-1') })).code).toBe(0)
    const second = await mesh.run(['join', '--no-mdns', line], { env: await elsewhere(mesh, 'used-2') })
    expect(errorOf(second)).toContain(`token ${id} is used up`)
    expect(second.code).toBe(5)
  })

  it('for once admits one of many that come at once', async () => {
    const { token } = await visitors.createToken('client', '--uses', '1')
    const { id, secret } = parseToken(token)
    const answers = await Promise.all(Array.from({ length: 5 }, async (_, i) => {
      const stranger = await visitors.node()
      const master = await stranger.connect(mesh.address)

      return request(stranger, master.id, join, { kind: 'join', tokenId: id, secret, name: `twin-${i}` })
    }))

    expect(answers.filter(answer => answer.kind === 'joined')).toHaveLength(1)
  })

  it('for a client makes no worker, and one of a worker no client', async () => {
    const client = await visitors.createToken('client')
    const asWorker = await mesh.run(['worker', '--no-mdns', '--token', client.line], { env: await elsewhere(mesh, 'wrong-role') })
    expect(errorOf(asWorker)).toMatch(/for the role client, not worker/)
    expect(asWorker.code).toBe(2)

    const worker = await visitors.createToken('worker')
    const asClient = await mesh.run(['nodes', '--no-mdns', '--token', worker.line], { env: await elsewhere(mesh, 'wrong-role-too') })
    expect(errorOf(asClient)).toMatch(/for the role worker, not client/)
    expect(asClient.code).toBe(2)
  })

  it('with another secret is answered like one that never was', async () => {
    const { token } = await visitors.createToken('client')
    const stranger = await visitors.node()
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
    const node = await visitors.node({ roles: ['client'], sealedBy: other })
    expect(await helloOf(node)).toMatch(/^refused: .*sealed by …\w{8}, not by the key of mesh …\w{8}/)
  })

  it('of somebody else is turned away at hello', async () => {
    const { membership } = await visitors.insider('client')
    const key = await generateKeyPair('Ed25519')
    const node = await visitors.node({ key })
    expect(() => { node.setMembership(membership) }).toThrow(/is for …\w{8}, but this node is/)
    expect(node.roles.size).toBe(0)
    // nor does a node that does not look at what it shows
    expect(await sayHello(key, membership)).toMatch(/belongs to …\w{8}, not to …\w{8} which shows it/)
  })

  it('that has expired is turned away with both clocks', async () => {
    const node = await visitors.node({ roles: ['client'], expiresAt: Date.now() - 1_000 })
    expect(await helloOf(node)).toMatch(/^refused: .*expired at \d{4}-\S+Z: the mesh's clock says \d{4}-\S+Z, the clock of villain says \d{4}-\S+Z/)
  })

  it.each([
    ['signed by another key', async (mine: Membership) => sealMembership(await generateKeyPair('Ed25519'), mine), /sealed by/],
    ['that has expired too long ago', async (mine: Membership) => sealMembership(visitors.files.meshKey, { ...mine, expiresAt: Date.now() - 91 * 24 * HOUR }), /membership of this machine has ended.*: join again/],
    ['of somebody else', async () => (await visitors.insider('client')).membership, /membership of this machine has ended: join again/]
  ])('%s in the data folder is told at the command line', async (title, forge, pattern) => {
    const { env, dir } = await visitors.clientElsewhere(`envelope-${title.replaceAll(' ', '-')}`)
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

describe('a revoked member', () => {
  it('is out at once, and does not come back with what it had, nor with a new token', async () => {
    const { env } = await visitors.clientElsewhere('outcast')
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

    const { line } = await visitors.createToken('client')
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
  it('master and worker are what they were', async () => { await visitors.expectOrderlyEnd() })
})
