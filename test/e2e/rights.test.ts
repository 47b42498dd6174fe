import { readFile, writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { ulid } from 'ulid'
import { describe, expect, it } from 'vitest'
import { admin } from '../../src/node/protocol/admin/index.ts'
import { clock } from '../../src/node/protocol/clock/index.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { request } from '../../src/node/request.ts'
import { elsewhere, exampleJob, idOf, refusalOf, sealJob } from './insider.ts'
import { HOUR, INFO, Visitors, endpoint, errorOf } from './visitors.ts'
import type { TestMesh } from './mesh.ts'
import type { Protocol } from '../../src/node/protocol/protocol.ts'

let visitors: Visitors
let mesh: TestMesh

Visitors.forFile(found => { [visitors, mesh] = [found, found.mesh] })

describe('a worker\'s membership', () => {
  it('neither submits, nor administers, nor commands', async () => {
    const { node, master, identity } = await visitors.insider('worker')
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
    const { node, master } = await visitors.insider('worker')
    const another = await visitors.insider('worker')

    expect(await refusalOf(node, master.id, register, { kind: 'register', info: { ...INFO, peerId: another.node.peerId, name: 'lab-1' }, holds: [] })).toMatch(/names another worker/)
  })

  it('makes no master: a client and a worker that dial it turn away, and say no secret', async () => {
    const key = await generateKeyPair('Ed25519')
    const rogue = await visitors.node({ key, roles: ['worker'], listen: true })
    const said: unknown[] = []
    rogue.handle({ ...join, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })
    rogue.handle({ ...register, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })
    rogue.handle({ ...submit, listeners: ['worker'] }, async channel => { said.push(await channel.receive()) })

    const { token } = await visitors.createToken('worker')
    const asWorker = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(rogue)}`], { env: await elsewhere(mesh, 'rogue-worker') })
    expect(errorOf(asWorker)).toMatch(/villain is no master of mesh …\w{8}/)
    expect(asWorker.code).toBe(5)

    const { env, dir } = await visitors.clientElsewhere('rogue-client')
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
    const other = await visitors.node({ roles: ['master'], sealedBy: key, listen: true })
    const { token } = await visitors.createToken('worker')
    const result = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(other)}`], { env: await elsewhere(mesh, 'other-mesh') })

    expect(errorOf(result)).toMatch(/sealed by …\w{8}, not by the key of mesh/)
    expect(result.code).toBe(5)
  })
})

describe('a client\'s membership', () => {
  it('neither registers, nor delivers, nor administers', async () => {
    const { node, master } = await visitors.insider('client')

    expect(await refusalOf(node, master.id, register, { kind: 'register', info: { ...INFO, peerId: node.peerId, name: 'x' }, holds: [] })).toMatch(/^register is for a worker; your membership is for a client$/)
    expect(await refusalOf(node, master.id, task, { kind: 'begin', execution: `${ulid()}/any/${node.peerId}/0` })).toMatch(/^task is for a worker; your membership is for a client$/)
    expect(await refusalOf(node, master.id, admin, { kind: 'create-token', role: 'admin', ttlMs: HOUR })).toMatch(/^admin is for a admin; your membership is for a client$/)
  })

  it('does not administer at the command line', async () => {
    const { env } = await visitors.clientElsewhere('no-admin')

    for (const command of [['token', 'create', 'admin'], ['token', 'ls'], ['drain', 'lab-1']]) {
      const result = await mesh.run([...command, '--no-mdns'], { env })
      expect(errorOf(result)).toMatch(/this machine is no administrator of mesh …\w{8}: join with an admin token/)
      expect(result.code).toBe(5)
    }
  })

  it('opens nothing of another client\'s jobs', async () => {
    const { env } = await visitors.clientElsewhere('curious')
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
    const { node, master, identity } = await visitors.insider('client')
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

    const { node, master, identity } = await visitors.insider('client')
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
    const { node, master, identity } = await visitors.insider('client')
    const id = ulid()
    const jobs = await Promise.all(['a', 'b', 'a', 'b', 'a', 'b'].map(async name => sealJob(identity, exampleJob(node.peerId, id, { name }))))
    const replies = await Promise.all(jobs.map(async job => request(node, master.id, submit, { kind: 'submit', job })))

    expect(replies.filter(reply => reply.kind === 'accepted' && !reply.existing)).toHaveLength(1)
    expect(replies.filter(reply => reply.kind === 'accepted')).toHaveLength(3)
    expect(replies.filter(reply => reply.kind === 'refused' && reply.code === 'conflict')).toHaveLength(3)
  })
})

describe('after all of this', () => {
  it('master and worker are what they were', async () => { await visitors.expectOrderlyEnd() })
})
