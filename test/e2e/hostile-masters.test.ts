import { generateKeyPair } from '@libp2p/crypto/keys'
import { ulid } from 'ulid'
import { describe, expect, it } from 'vitest'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { sealMembership } from '../../src/node/membership.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { results as resultsProtocol } from '../../src/node/protocol/results/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { elsewhere, exampleJob, idOf, refusalOf, sealJob } from './insider.ts'
import { HOUR, Visitors, endpoint } from './visitors.ts'
import type { TestMesh } from './mesh.ts'
import type { ExecutionResult } from '../../src/model/result.ts'

let visitors: Visitors
let mesh: TestMesh

Visitors.forFile(found => { [visitors, mesh] = [found, found.mesh] }, async () => visitors.expectService())

describe('a worker survives', () => {
  it('a peer that it dials, which is no master and says noise on every stream', async () => {
    const rogue = await visitors.node({ roles: ['worker', 'client'], name: 'rogue', listen: true })
    const answers: string[] = []
    rogue.addEventListener('peer', ({ detail }) => {
      void refusalOf(rogue, detail.id, slot, { id: 1, kind: 'cancel', claim: { term: 9, master: rogue.peerId }, job: ulid() }).then(answer => { answers.push(answer) })
    })

    const env = await elsewhere(mesh, 'dials-rogue')
    const { code, stderr } = await mesh.run(['join', '--no-mdns', `${visitors.files.tokens.worker}@${endpoint(rogue)}`], { env })
    expect(stderr).toMatch(/rogue is no master of mesh/)
    expect(code).toBe(5)
    expect(answers.filter(answer => answer.startsWith('answered'))).toEqual([])
  })

  it('a master that speaks for another one, starts what was not reserved, and jobs that nobody has sealed', async () => {
    const key = await generateKeyPair('Ed25519')
    const second = await visitors.node({ key, roles: ['master'], name: 'second', listen: true })
    const another = idOf(await generateKeyPair('Ed25519'))
    const { promise: arrived, resolve } = Promise.withResolvers<string>()
    const results: ExecutionResult[] = []
    const { promise: delivered, resolve: onDelivered } = Promise.withResolvers<void>()

    second.handle(join, async (channel, peer) => {
      await channel.receive()
      await channel.send({ kind: 'joined', membership: await sealMembership(visitors.files.meshKey, { peerId: peer.id, roles: ['worker'], name: 'lab-y', issuedAt: 0, expiresAt: Date.now() + HOUR }), masters: second.addresses() })
    })
    second.handle(register, async (channel, peer) => {
      await channel.receive()
      await channel.send({ kind: 'registered', name: 'lab-y', meshTimeMs: Date.now() })
      resolve(peer.id)
      while (await channel.receive() != null) { /* its reports */ }
    })
    second.handle(resultsProtocol, async channel => {
      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        results.push(...message.finished.map(({ result }) => result))
        await channel.send({ kind: 'receipts', receipts: message.finished.map(({ result }) => ({ kind: 'stored', execution: executionId(result.key) })) })
        onDelivered()
      }
    })

    const env = await elsewhere(mesh, 'second-master')
    const child = mesh.start(['join', '--no-mdns', `${visitors.files.tokens.worker}@${endpoint(second)}`], { env })

    try {
      const worker = await arrived
      const execution = executionId({ job: ulid(), task: 'any', worker, attempt: 0 })
      const mine = { term: 5, master: second.peerId }
      let id = 0
      const say = async (message: any): Promise<string> => refusalOf(second, worker, slot, { id: ++id, ...message })

      expect(await say({ kind: 'available', claim: { term: 9, master: another }, execution, measured: true })).toMatch(/claim names master .* but .* sent it/)
      const unreserved = await second.openChannel(worker, slot)
      await unreserved.send({ id: ++id, kind: 'start', claim: mine, jobId: parseExecutionId(execution).job, executions: [execution], reserved: true, job: new Uint8Array(10) })
      expect(await unreserved.receive()).toMatchObject({ kind: 'started', outcomes: [{ kind: 'refused', reason: expect.stringMatching(/not reserved for this execution/) }] })
      await unreserved.close()
      expect(await say({ kind: 'renew', claim: mine, execution })).toMatch(/reservation has ended/)
      expect(await say({ kind: 'available', claim: { ...mine, term: 4 }, execution, measured: true })).toBe('answered stale')

      const forged = await sealJob(key, exampleJob(another, execution.split('/')[0]!))
      const channel = await second.openChannel(worker, slot)
      await channel.send({ id: ++id, kind: 'available', claim: mine, execution, measured: false })
      expect(await channel.receive()).toMatchObject({ kind: 'ready' })
      await channel.send({ id: ++id, kind: 'start', claim: mine, jobId: parseExecutionId(execution).job, executions: [execution], reserved: true, job: forged })
      expect(await channel.receive()).toMatchObject({ kind: 'started', outcomes: [{ kind: 'started' }] })
      await channel.close()
      await delivered
      expect(results).toMatchObject([{ outcome: 'not-run', reason: 'the job is not sealed by the client that it names', commands: [] }])
      expect(await say({ kind: 'available', claim: mine, execution, measured: true })).toBe('answered known')
    } finally {
      child.kill('SIGTERM')
      expect((await child.closed).code).toBe(0)
    }
  })
})
