import { generateKeyPair } from '@libp2p/crypto/keys'
import { ulid } from 'ulid'
import { describe, expect, it } from 'vitest'
import { seal, sealMembership } from '../../src/node/membership.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { encodeTicket } from '../../src/node/protocol/sealed/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { request } from '../../src/node/request.ts'
import { TICKET_DOMAIN } from '../../src/roles/ticket.ts'
import { elsewhere, exampleJob, idOf, refusalOf, sealJob } from './insider.ts'
import { HOUR, Visitors, endpoint } from './visitors.ts'
import type { MeshNode } from '../../src/node/mesh-node.ts'
import type { TestMesh } from './mesh.ts'
import type { Ticket } from '../../src/node/protocol/payload/messages.ts'
import type { PrivateKey } from '@libp2p/interface'

let visitors: Visitors
let mesh: TestMesh

Visitors.forFile(found => { [visitors, mesh] = [found, found.mesh] })

describe('a payload', () => {
  const content = Buffer.from('#!/bin/sh\necho hello\n')

  async function ticketBy (key: PrivateKey, ticket: Partial<Ticket> & Pick<Ticket, 'payload' | 'sender' | 'receiver'>): Promise<Uint8Array> {
    return seal(key, TICKET_DOMAIN, encodeTicket({ expiresMs: Date.now() + HOUR, ...ticket }))
  }

  it('is taken by a master only with a ticket of its own, made out for this very transfer', async () => {
    const { node, master, identity } = await visitors.insider('worker')
    const { manifest } = await packFiles([{ source: content, path: 'served.sh' }])
    const right = { payload: manifest.id, sender: node.peerId, receiver: master.id }
    const offer = async (ticket?: Uint8Array): Promise<string> => refusalOf(node, master.id, payload, { kind: 'offer', manifest, ticket })

    expect(await offer()).toMatch(/only with a ticket of the coordinator/)
    expect(await offer(await ticketBy(identity, right))).toMatch(/sealed by \w{8}, which is no master/)
    expect(await offer(await ticketBy(visitors.files.masterIdentity, { ...right, sender: idOf(await generateKeyPair('Ed25519')) }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(visitors.files.masterIdentity, { ...right, receiver: node.peerId }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(visitors.files.masterIdentity, { ...right, payload: '0'.repeat(64) }))).toMatch(/for another transfer/)
    expect(await offer(await ticketBy(visitors.files.masterIdentity, { ...right, expiresMs: Date.now() - 1 }))).toMatch(/ticket has expired/)
    expect(await offer(new Uint8Array([1, 2, 3]))).toMatch(/damaged or forged/)
    expect(await offer(await ticketBy(visitors.files.masterIdentity, right))).toBe('answered accept')
  })

  it('is taken from a client only when it was asked for it', async () => {
    const { node, master, identity } = await visitors.insider('client')
    const other = await visitors.insider('client')
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
    const master = await visitors.node({ key, roles: ['master'], listen: true })
    const { promise: registered, resolve } = Promise.withResolvers<string>()

    master.handle(join, async (channel, peer) => {
      await channel.receive()
      const membership = await sealMembership(visitors.files.meshKey, { peerId: peer.id, roles: ['worker'], name: 'lab-x', issuedAt: 0, expiresAt: Date.now() + HOUR })
      await channel.send({ kind: 'joined', membership, masters: master.addresses() })
    })
    master.handle(register, async (channel, peer) => {
      await channel.receive()
      await channel.send({ kind: 'registered', name: 'lab-x', meshTimeMs: Date.now() })
      resolve(peer.id)
      while (await channel.receive() != null) { /* its reports */ }
    })

    const { token } = await visitors.createToken('worker')
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
    const rogue = await visitors.node({ key, roles: ['worker'], listen: true })
    const { manifest } = await packFiles([{ source: content, path: 'served.sh' }])
    const { promise, resolve } = Promise.withResolvers<string>()
    rogue.addEventListener('peer', ({ detail }) => {
      // before it has had time to turn away
      void ticketBy(key, { payload: manifest.id, sender: rogue.peerId, receiver: detail.id })
        .then(async ticket => refusalOf(rogue, detail.id, payload, { kind: 'offer', manifest, ticket }))
        .then(resolve)
    })

    const { token } = await visitors.createToken('worker')
    const result = await mesh.run(['join', '--no-mdns', `${token}@${endpoint(rogue)}`], { env: await elsewhere(mesh, 'rogue-payload') })
    expect(result.code).toBe(5)
    expect(await promise).not.toMatch(/^answered/)
  })
})

describe('after all of this', () => {
  it('master and worker are what they were', async () => { await visitors.expectOrderlyEnd() })
})
