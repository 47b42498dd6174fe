import { randomBytes } from 'node:crypto'
import { ulid } from 'ulid'
import { describe, expect, it } from 'vitest'
import { executionId } from '../../src/model/ids.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { request } from '../../src/node/request.ts'
import { ProvenClaims } from '../../src/roles/master/proven-claims.ts'
import { exampleJob, refusalOf, sealJob } from './insider.ts'
import { INFO, Visitors } from './visitors.ts'
import type { Insider } from './insider.ts'
import type { TestMesh } from './mesh.ts'
import type { ExecutionResult } from '../../src/model/result.ts'
import type { Channel } from '../../src/node/protocol/protocol.ts'
import type { WorkerMessage } from '../../src/node/protocol/register/messages.ts'
import type { SlotAnswer } from '../../src/node/protocol/slot/messages.ts'
import type { TaskConfirm, TaskReport } from '../../src/node/protocol/task/messages.ts'

let visitors: Visitors
let mesh: TestMesh
let lab: { name: string, peerId: string }

Visitors.forFile(async found => {
  [visitors, mesh] = [found, found.mesh]
  lab = JSON.parse((await mesh.run(['run', '--runs', '1', '--format', 'json', 'true'])).stdout).results[0].worker
}, async () => visitors.expectService())

describe('a worker that lies', () => {
  it('delivers nothing of another worker, nor of what it was never given', async () => {
    const { node, master: boss } = await visitors.insider('worker')
    const client = await visitors.insider('client')
    const begin = async (execution: string): Promise<string> => refusalOf(node, boss.id, task, { kind: 'begin', execution })

    // for anyone, and an honest one has it
    const waiting = ulid()
    const any = await sealJob(client.identity, exampleJob(client.node.peerId, waiting, { commands: [{ argv: ['sleep', '5'], program: { kind: 'name', name: 'sleep' } }] }))
    expect(await request(client.node, client.master.id, submit, { kind: 'submit', job: any })).toMatchObject({ kind: 'accepted' })

    expect(await begin(executionId({ job: waiting, task: 'any', worker: node.peerId, attempt: 0 }))).toMatch(/never given to this worker/)
    expect(await begin(executionId({ job: waiting, task: 'any', worker: lab.peerId, attempt: 0 }))).toMatch(/another worker's/)
    expect(await begin(executionId({ job: waiting, task: 'any', worker: node.peerId, attempt: 7 }))).toMatch(/never given to this worker/)
    expect(await begin(executionId({ job: waiting, task: 'other', worker: node.peerId, attempt: 0 }))).toMatch(/no such job/)
    expect(await begin(executionId({ job: ulid(), task: 'any', worker: node.peerId, attempt: 0 }))).toMatch(/no such job/)

    // for one worker by name, and done by it
    const targeted = ulid()
    const named = await sealJob(client.identity, exampleJob(client.node.peerId, targeted, { kind: 'run', plan: { kind: 'fixed', runs: 1, warmup: 0 }, placement: { on: 'names', names: ['lab-1'], where: [] } }))
    expect(await request(client.node, client.master.id, submit, { kind: 'submit', job: named })).toMatchObject({ kind: 'accepted' })
    expect(await begin(executionId({ job: targeted, task: lab.peerId, worker: node.peerId, attempt: 0 }))).toMatch(/for another worker/)

    expect(await ended(client, waiting)).toMatchObject([{ key: { worker: lab.peerId }, outcome: 'done' }])
    expect(await ended(client, targeted)).toMatchObject([{ key: { worker: lab.peerId }, outcome: 'done' }])
  })

  it('delivers what it was given once, whole, and no more than the job allows', async () => {
    const evil = await visitors.insider('worker')
    const { promise: begun, resolve } = Promise.withResolvers<string>()
    evil.node.handle(slot, async channel => {
      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        if (message.kind === 'available') {
          await channel.send({ id: message.id, kind: 'ready', leaseMs: 5_000, hasPayload: true })
        } else if (message.kind === 'start') {
          await channel.send({ id: message.id, kind: 'started', outcomes: [{ kind: 'started' }] })
          resolve(message.executions[0]!)
        } else {
          await channel.send({ id: message.id, ...(message.kind === 'renew' ? { kind: 'renewed', leaseMs: 5_000 } : { kind: 'rolled-back' }) })
        }
      }
    })
    await registered(evil)

    const client = await visitors.insider('client')
    const id = ulid()
    const job = exampleJob(client.node.peerId, id, { placement: { on: 'names', names: [evil.node.name], where: [] } })
    job.limits = { ...job.limits, outputBytes: 1_000 }
    expect(await request(client.node, client.master.id, submit, { kind: 'submit', job: await sealJob(client.identity, job) })).toMatchObject({ kind: 'accepted' })

    const execution = await begun
    const result: ExecutionResult = { key: { job: id, task: evil.node.peerId, worker: evil.node.peerId, attempt: 0 }, outcome: 'done', commands: [], startedAt: 1, finishedAt: 2, waitedMs: 0 }
    const say = async (...reports: TaskReport[]): Promise<string> => delivery(evil, execution, reports)

    expect(await say({ kind: 'output', stream: 'stdout', offset: 10, data: Buffer.from('gap') })).toMatch(/only 0 bytes came before|log says why/)
    expect(await say({ kind: 'output', stream: 'stdout', offset: Number.MAX_SAFE_INTEGER - 10, data: Buffer.from('far') })).toMatch(/more output than|invalid|out of/i)
    expect(await say({ kind: 'progress', command: 900, runs: 1 })).toMatch(/progress of command 900, and the job has 1/)
    expect(await say({ kind: 'begin', execution })).toMatch(/begins once/)
    expect(await say({ kind: 'result', result: { ...result, key: { ...result.key, task: 'other' } }, stdoutBytes: 0, stderrBytes: 0 })).toMatch(/names another execution/)
    expect(await say({ kind: 'result', result, stdoutBytes: 5, stderrBytes: 0 })).toMatch(/before all of its output/)
    expect(await say(...Array.from({ length: 10 }, (_, i): TaskReport => ({ kind: 'output', stream: 'stdout', offset: i * 100_000, data: Buffer.alloc(100_000) })))).toMatch(/more output than the job allows/)

    const channel = await evil.node.openChannel(evil.master.id, task)
    await channel.send({ kind: 'begin', execution })
    const resume = await channel.receive()
    expect(resume?.kind).toBe('resume')
    const { stdout } = resume as Extract<TaskConfirm, { kind: 'resume' }>
    await channel.send({ kind: 'result', result, stdoutBytes: stdout, stderrBytes: 0 })
    expect(await channel.receive()).toEqual({ kind: 'stored' })
    await channel.close()

    // said again, it is stored already; said otherwise, the first one stands
    expect(await say({ kind: 'result', result, stdoutBytes: stdout, stderrBytes: 0 })).toBe('stored')
    expect(await say({ kind: 'result', result: { ...result, outcome: 'failed' }, stdoutBytes: stdout, stderrBytes: 0 })).toBe('stored')
    expect(await say({ kind: 'output', stream: 'stdout', offset: stdout, data: Buffer.from('later') })).toMatch(/finished execution does not grow/)
    expect(await ended(client, id)).toMatchObject([{ outcome: 'done' }])
  })

  it('ends no reign with claims that it makes up, and uses up no terms', async () => {
    const coordinating = async (): Promise<string[]> => JSON.parse((await mesh.run(['nodes', '--format', 'json'])).stdout).filter((row: { role: string }) => row.role === 'master').map((row: { state: string, term: number }) => `${row.state} ${row.term}`)
    const before = await coordinating()

    for (const term of [2, 1_000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const evil = await visitors.insider('worker')
      // signed by itself, which is no master; and in a master's name, which has not signed it
      const own = await new ProvenClaims({ identity: evil.identity, meshId: evil.node.meshId!, isMaster: () => true, log: () => {} }).prove({ term, master: evil.node.peerId })
      const claims = [own, { ...own, master: evil.master.id }, { term, master: evil.master.id }]
      let said = 0

      evil.node.handle(slot, async channel => {
        for (let message = await channel.receive(); message != null; message = await channel.receive()) {
          await channel.send({ id: message.id, kind: 'stale', highest: claims[said++ % claims.length]! })
        }
      })
      const channel = await registered(evil, claims[0])

      for (const highest of claims) {
        await channel.send({ kind: 'state', state: 'waiting', sinceMs: 0, highest })
      }

      // offered to it, and to the honest one
      expect((await mesh.run(['exec', 'echo', 'fine'])).stdout).toBe('fine\n')
    }

    await visitors.boss.line(/without that master's signature: not believed/)
    expect(await coordinating()).toEqual(before)
  })

  it('answers nonsense, and others do the work', async () => {
    const evil = await visitors.insider('worker')
    const nonsense: SlotAnswer[] = [{ kind: 'renewed', leaseMs: 1 }, { kind: 'cancelled', stopped: [] }, { kind: 'started', outcomes: [] }, { kind: 'busy', reason: '\x1b[2J' }, { kind: 'refused', reason: 'x'.repeat(5_000) }]
    let asked = 0
    evil.node.handle(slot, async channel => {
      for (let message = await channel.receive(); message != null; message = await channel.receive()) {
        await channel.send({ id: message.id, ...nonsense[asked++ % nonsense.length]! })
      }
    })
    await registered(evil)

    for (let i = 0; i < 3; i++) {
      expect((await mesh.run(['exec', 'echo', String(i)])).stdout).toBe(`${i}\n`)
    }
  })

  it('registers over and over, holding ten thousand things it never had', async () => {
    const { node, master: boss } = await visitors.insider('worker')
    const holds = Array.from({ length: 10_000 }, () => ({ execution: executionId({ job: ulid(), task: 'any', worker: node.peerId, attempt: 0 }), state: 'running' as const }))

    for (let i = 0; i < 15; i++) {
      await refusalOf(node, boss.id, register, { kind: 'register', info: { ...INFO, peerId: node.peerId, name: 'x' }, holds })
    }

    expect((await mesh.run(['nodes'])).code).toBe(0)
  })
})

describe('a client that lies', () => {
  it('uploads chunks that are not those it has promised', async () => {
    const { node, identity, master: boss } = await visitors.insider('client')
    const content = Buffer.concat([Buffer.from('#!/bin/sh\necho right\n#'), randomBytes(2_000_000)])
    const { manifest, readChunk } = await packFiles([{ source: content, path: 'a.sh', executable: true }])
    const job = await sealJob(identity, exampleJob(node.peerId, ulid(), { payload: manifest, commands: [{ argv: ['./a.sh'], program: { kind: 'payload', path: 'a.sh' } }] }))
    const send = async (chunks: Array<{ index: number, data: Uint8Array }>): Promise<string> => {
      const channel = await node.openChannel(boss.id, payload)
      let last = 'nothing'

      try {
        await channel.send({ kind: 'offer', manifest })
        for (const chunk of chunks) {
          await channel.send({ kind: 'chunk', ...chunk })
        }
        for (let reply = await channel.receive(); reply != null; reply = await channel.receive()) {
          last = reply.kind
        }
      } catch (err: any) {
        return `${last}, ${err.message}`
      }

      return last
    }

    expect(await request(node, boss.id, submit, { kind: 'submit', job })).toMatchObject({ kind: 'need-payload' })
    expect(await send([{ index: 0, data: randomBytes(manifest.chunkSize) }])).toMatch(/^corrupt/)
    expect(await send([{ index: 0, data: (await readChunk(0)).subarray(1) }])).toMatch(/^corrupt/)
    expect(await send([{ index: manifest.chunks.length + 5, data: new Uint8Array(1) }])).toMatch(/^refused/)
    const { index, data } = { index: 0, data: await readChunk(0) }
    expect(await send([{ index, data }, { index, data }])).toMatch(/^refused/)
    expect(await request(node, boss.id, submit, { kind: 'submit', job })).toMatchObject({ kind: 'need-payload' })

    const bogus = { ...manifest, id: '0'.repeat(64) }
    expect(await refusalOf(node, boss.id, payload, { kind: 'offer', manifest: bogus })).toMatch(/not the hash of its content/)
    expect(await refusalOf(node, boss.id, submit, { kind: 'submit', job: await sealJob(identity, exampleJob(node.peerId, ulid(), { payload: bogus })) })).toMatch(/not the hash of its content/)
  })

  it('asks for more jobs than its quota, all at once', async () => {
    const { node, identity, master: boss } = await visitors.insider('client')
    const jobs = await Promise.all(Array.from({ length: 110 }, async (_, i) => sealJob(identity, exampleJob(node.peerId, ulid(), { name: `flood-${i}`, commands: [{ argv: ['sleep', '60'], program: { kind: 'name', name: 'sleep' } }] }))))
    const replies: string[] = []

    for (let i = 0; i < jobs.length; i += 10) {
      replies.push(...(await Promise.all(jobs.slice(i, i + 10).map(async job => request(node, boss.id, submit, { kind: 'submit', job })))).map(reply => reply.kind === 'refused' ? `${reply.code}: ${reply.reason}` : reply.kind))
    }

    expect(replies.filter(reply => reply === 'accepted')).toHaveLength(100)
    expect(replies.filter(reply => /^quota: .*100 are allowed/.test(reply))).toHaveLength(10)

    // another client is not kept waiting behind all of them
    const other = mesh.run(['exec', 'echo', 'mine'])

    for (let i = 0; i < 100; i += 10) {
      await Promise.all(Array.from({ length: 10 }, async (_, j) => request(node, boss.id, submit, { kind: 'cancel', selector: `flood-${i + j}` }, { timeoutMs: 30_000 })))
    }

    const { code, stdout, stderr } = await other

    expect({ code, stdout, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stdout: 'mine\n', stderr: '' })
  })
})

/** Registered as a worker with work to do, for as long as the test lasts. */
async function registered ({ node, master: boss }: Insider, highest?: { term: number, master: string }): Promise<Channel<unknown, WorkerMessage>> {
  const channel = await node.openChannel(boss.id, register)
  await channel.send({ kind: 'register', info: { ...INFO, peerId: node.peerId, name: node.name }, highest, holds: [] })
  expect(await channel.receive()).toMatchObject({ kind: 'registered' })
  await channel.send({ kind: 'state', state: 'waiting', sinceMs: 0 })

  return channel
}

/** How a delivery of these reports ends: the last answer, or the words of a refusal. */
async function delivery ({ node, master: boss }: Insider, execution: string, reports: TaskReport[]): Promise<string> {
  const channel = await node.openChannel(boss.id, task)

  try {
    await channel.send({ kind: 'begin', execution })
    expect(await channel.receive()).toMatchObject({ kind: 'resume' })
    let last = ''

    for (const report of reports) {
      await channel.send(report)
      const confirm = await channel.receive()
      last = confirm?.kind === 'refused' ? confirm.reason : confirm?.kind ?? 'closed'
    }

    return last
  } catch (err: any) {
    return err.message
  } finally {
    channel.abort(new Error('seen enough'))
  }
}

/** The records of a job that has come to its end. */
async function ended ({ node, master: boss }: Insider, id: string): Promise<ExecutionResult[]> {
  const channel = await node.openChannel(boss.id, submit)
  const results: ExecutionResult[] = []
  await channel.send({ kind: 'attach', selector: id, output: false, offsets: [], follow: true })

  for (let reply = await channel.receive(); reply != null; reply = await channel.receive()) {
    if (reply.kind === 'result') {
      results.push(reply.result)
    } else if (reply.kind === 'end') {
      break
    }
  }

  channel.abort(new Error('seen enough'))

  return results
}
