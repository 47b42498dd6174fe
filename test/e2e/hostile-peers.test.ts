import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { ulid } from 'ulid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { exchangeHello } from '../../src/node/hello.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { sealMembership } from '../../src/node/membership.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import { ProvenClaims } from '../../src/roles/master/proven-claims.ts'
import { packFiles } from '../../src/node/payload/pack.ts'
import { admin } from '../../src/node/protocol/admin/index.ts'
import { hello } from '../../src/node/protocol/hello/index.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { results as resultsProtocol } from '../../src/node/protocol/results/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { request } from '../../src/node/request.ts'
import { VERSION } from '../../src/node/version.ts'
import { LOOPBACK, comeIn, elsewhere, exampleJob, idOf, readMeshFiles, refusalOf, sealJob } from './insider.ts'
import { TestMesh } from './mesh.ts'
import type { Insider, MeshFiles } from './insider.ts'
import type { NodeProcess } from './mesh.ts'
import type { ExecutionResult } from '../../src/model/result.ts'
import type { Transport } from '../../src/node/libp2p.ts'
import type { Channel } from '../../src/node/protocol/protocol.ts'
import type { WorkerMessage } from '../../src/node/protocol/register/messages.ts'
import type { SlotAnswer } from '../../src/node/protocol/slot/messages.ts'
import type { TaskConfirm, TaskReport } from '../../src/node/protocol/task/messages.ts'
import type { Connection, Stream } from '@libp2p/interface'

const HOUR = 3_600_000
const INFO = { resources: { machineId: 'm', platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 1, memoryBytes: 1, kernel: '6', os: 'os', nodeVersion: '20' }, labels: {} }
const PROTOCOLS = [hello, join, register, submit, task, payload, admin, slot]

let mesh: TestMesh
let files: MeshFiles
let master: NodeProcess
let lab: { name: string, peerId: string }
const cleanups: Array<() => Promise<unknown> | unknown> = []

beforeAll(async () => {
  mesh = await TestMesh.create()
  master = await mesh.master()
  await mesh.worker('lab-1')
  files = await readMeshFiles(mesh)
  const { stdout } = await mesh.run(['run', '--runs', '1', '--format', 'json', 'true'])
  lab = JSON.parse(stdout).results[0].worker
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup()
  }

  // whatever was done to them, they serve an honest client
  const { code, stderr } = await mesh.run(['run', '--runs', '1', '--on', 'lab-1', 'true'])
  expect(code, stderr).toBe(0)
  process.kill(master.pid, 0)
})

afterAll(async () => { await mesh.close() })

let count = 0

async function insider (role: 'worker' | 'client' | 'admin'): Promise<Insider> {
  const found = await comeIn(mesh, files, role, `hostile-${role}-${count++}`)
  cleanups.push(async () => found.node.stop())

  return found
}

/** A member whose streams are raw bytes. */
async function rawMember (role: 'worker' | 'client'): Promise<{ transport: Transport, connection: Connection }> {
  const { node, identity, membership } = await comeIn(mesh, files, role, `raw-${role}-${count++}`)
  await node.stop()
  const transport = await createTransport({ identity, listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })
  cleanups.push(async () => transport.stop())
  await transport.start()
  const connection = await transport.dial(multiaddr(mesh.address))
  const reply = await exchangeHello(connection, { version: VERSION, bootNonce: randomBytes(16), membership, meshTimeMs: Date.now() }, 'boss', AbortSignal.timeout(10_000))
  expect(reply.kind).toBe('welcome')

  return { transport, connection }
}

async function openRaw (connection: Connection, protocol: string): Promise<Stream> {
  const stream = await connection.newStream([protocol], { maxOutboundStreams: 10_000 })
  stream.addEventListener('message', () => {})

  return stream
}

/** Resolves when the other side has ended the stream, in order or not. */
async function endOf (stream: Stream): Promise<void> {
  if (stream.status === 'open' && !stream.readableEnded) {
    await Promise.race(['end', 'close', 'remoteCloseWrite'].map(async event => once(stream as any, event)))
  }
}

async function memoryOfMaster (): Promise<number> {
  const status = await readFile(`/proc/${master.pid}/status`, 'utf8')

  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024
}

function varint (value: bigint): Uint8Array {
  const bytes: number[] = []
  for (; value >= 128n; value >>= 7n) {
    bytes.push(Number(value & 127n) | 128)
  }

  return Uint8Array.from([...bytes, Number(value)])
}

describe('a master survives a member that', () => {
  it.each([
    ['ends in the middle of a message', () => Buffer.concat([varint(900n), randomBytes(100)])],
    ['says noise', () => Buffer.concat([Buffer.from([5, 9]), randomBytes(2_000)])],
    ['announces more than fits in memory', () => Buffer.concat([varint(1n << 40n), randomBytes(100)])],
    ['announces a length that never ends', () => Buffer.alloc(64, 0xff)],
    ['announces nothing at all', () => Buffer.alloc(1_000)],
    ['says a whole frame of noise', () => Buffer.concat([varint(501n), Buffer.from([0]), randomBytes(500)])],
    ['refuses before it is asked', () => Buffer.concat([varint(9n), Buffer.from([1]), Buffer.from('refused:')])]
  ])('%s', async (_title, noise) => {
    for (const role of ['worker', 'client'] as const) {
      for (const { id } of PROTOCOLS) {
        const { connection } = await rawMember(role).catch(err => { throw new Error(`${role} ${id}: ${err.message}`) })
        const stream = await openRaw(connection, id).catch(() => undefined)

        // slot is not answered by a master at all
        if (stream == null) {
          expect(id).toBe(slot.id)
          continue
        }

        stream.send(noise())
        await stream.close().catch(() => {})
        await endOf(stream)
      }
    }
  })

  it('opens streams and says nothing', async () => {
    const { connection } = await rawMember('worker')
    const streams = await Promise.all(Array.from({ length: 60 }, async () => openRaw(connection, task.id)))
    const { code } = await mesh.run(['nodes'])
    expect(code).toBe(0)
    // each is ended by the master after its time for a first message
    await Promise.all(streams.map(endOf))
  })

  it('opens streams as fast as it can', async () => {
    const before = await memoryOfMaster()
    const { connection } = await rawMember('client')
    let refused = 0
    const flood = (async () => {
      for (let i = 0; i < 3_000; i++) {
        const stream = await connection.newStream([submit.id], { maxOutboundStreams: 10_000 }).catch(() => undefined)
        if (stream == null) {
          refused++
          if (connection.status !== 'open') { break }
        } else {
          stream.send(randomBytes(100))
          stream.abort(new Error('next'))
        }
      }
    })()
    const { code } = await mesh.run(['nodes'])
    expect(code).toBe(0)
    await flood
    expect(refused).toBeLessThan(3_001)
    expect(await memoryOfMaster() - before).toBeLessThan(100 * 1024 ** 2)
  })

  it('sends for ever and never reads', async () => {
    const before = await memoryOfMaster()
    const { connection } = await rawMember('client')
    const stream = await connection.newStream([submit.id])
    const question = submit.request.encode({ kind: 'nodes' }).subarray()
    const frame = Buffer.concat([varint(BigInt(question.byteLength + 1)), Buffer.from([0]), question])
    const block = Buffer.concat(Array.from({ length: 2_000 }, () => frame))

    for (let i = 0; i < 500 && stream.status === 'open'; i++) {
      if (!stream.send(block)) {
        await Promise.race([once(stream as any, 'drain'), endOf(stream), new Promise(resolve => setTimeout(resolve, 200))])
      }
    }

    expect(await memoryOfMaster() - before).toBeLessThan(100 * 1024 ** 2)
  })

  it('begins with the wrong words', async () => {
    const worker = await insider('worker')
    const client = await insider('client')

    expect(await refusalOf(worker.node, worker.master.id, task, { kind: 'output', stream: 'stdout', offset: 0, data: Buffer.from('x') })).toMatch(/begins with the execution/)
    expect(await refusalOf(worker.node, worker.master.id, register, { kind: 'state', state: 'waiting', sinceMs: 0 })).toMatch(/begins with the registration/)
    expect(await refusalOf(worker.node, worker.master.id, payload, { kind: 'chunk', index: 0, data: new Uint8Array(1) })).toMatch(/begins with an offer/)
    expect(await refusalOf(client.node, client.master.id, submit, { kind: 'submit', job: randomBytes(300) })).toMatch(/damaged or forged/)
  })
})

describe('a worker that lies', () => {
  it('delivers nothing of another worker, nor of what it was never given', async () => {
    const { node, master: boss } = await insider('worker')
    const client = await insider('client')
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
    const evil = await insider('worker')
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

    const client = await insider('client')
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
      const evil = await insider('worker')
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

    await master.line(/without that master's signature: not believed/)
    expect(await coordinating()).toEqual(before)
  })

  it('answers nonsense, and others do the work', async () => {
    const evil = await insider('worker')
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
    const { node, master: boss } = await insider('worker')
    const holds = Array.from({ length: 10_000 }, () => ({ execution: executionId({ job: ulid(), task: 'any', worker: node.peerId, attempt: 0 }), state: 'running' as const }))

    for (let i = 0; i < 15; i++) {
      await refusalOf(node, boss.id, register, { kind: 'register', info: { ...INFO, peerId: node.peerId, name: 'x' }, holds })
    }

    expect((await mesh.run(['nodes'])).code).toBe(0)
  })
})

describe('a client that lies', () => {
  it('uploads chunks that are not those it has promised', async () => {
    const { node, identity, master: boss } = await insider('client')
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
    const { node, identity, master: boss } = await insider('client')
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

describe('a worker survives', () => {
  it('a peer that it dials, which is no master and says noise on every stream', async () => {
    const key = await generateKeyPair('Ed25519')
    const membership = await sealMembership(files.meshKey, { peerId: idOf(key), roles: ['worker', 'client'], name: 'rogue', issuedAt: 0, expiresAt: Date.now() + HOUR })
    const rogue = await MeshNode.create({ identity: key, membership, listen: [LOOPBACK] })
    cleanups.push(async () => rogue.stop())
    await rogue.start()
    const answers: string[] = []
    rogue.addEventListener('peer', ({ detail }) => {
      void refusalOf(rogue, detail.id, slot, { id: 1, kind: 'cancel', claim: { term: 9, master: rogue.peerId }, job: ulid() }).then(answer => { answers.push(answer) })
    })

    const { token } = { token: files.tokens.worker }
    const env = await elsewhere(mesh, 'dials-rogue')
    const { code, stderr } = await mesh.run(['join', '--no-mdns', `${token}@127.0.0.1:${/tcp\/(\d+)/.exec(rogue.addresses()[0]!)![1]}`], { env })
    expect(stderr).toMatch(/rogue is no master of mesh/)
    expect(code).toBe(5)
    expect(answers.filter(answer => answer.startsWith('answered'))).toEqual([])
  })

  it('a master that speaks for another one, starts what was not reserved, and jobs that nobody has sealed', async () => {
    const key = await generateKeyPair('Ed25519')
    const membership = await sealMembership(files.meshKey, { peerId: idOf(key), roles: ['master'], name: 'second', issuedAt: 0, expiresAt: Date.now() + HOUR })
    const second = await MeshNode.create({ identity: key, membership, listen: [LOOPBACK], meshTime: () => Date.now() })
    cleanups.push(async () => second.stop())
    const { promise: arrived, resolve } = Promise.withResolvers<string>()
    const results: ExecutionResult[] = []
    const { promise: delivered, resolve: onDelivered } = Promise.withResolvers<void>()

    second.handle(join, async (channel, peer) => {
      await channel.receive()
      await channel.send({ kind: 'joined', membership: await sealMembership(files.meshKey, { peerId: peer.id, roles: ['worker'], name: 'lab-y', issuedAt: 0, expiresAt: Date.now() + HOUR }), masters: second.addresses() })
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
    await second.start()

    const env = await elsewhere(mesh, 'second-master')
    const child = mesh.start(['join', '--no-mdns', `${files.tokens.worker}@127.0.0.1:${/tcp\/(\d+)/.exec(second.addresses()[0]!)![1]}`], { env })

    try {
      const worker = await arrived
      const execution = executionId({ job: ulid(), task: 'any', worker, attempt: 0 })
      const mine = { term: 5, master: second.peerId }
      let id = 0
      const say = async (message: any): Promise<string> => refusalOf(second, worker, slot, { id: ++id, ...message })

      expect(await say({ kind: 'available', claim: { term: 9, master: lab.peerId }, execution, measured: true })).toMatch(/claim names master .* but .* sent it/)
      const unreserved = await second.openChannel(worker, slot)
      await unreserved.send({ id: ++id, kind: 'start', claim: mine, jobId: parseExecutionId(execution).job, executions: [execution], reserved: true, job: new Uint8Array(10) })
      expect(await unreserved.receive()).toMatchObject({ kind: 'started', outcomes: [{ kind: 'refused', reason: expect.stringMatching(/not reserved for this execution/) }] })
      await unreserved.close()
      expect(await say({ kind: 'renew', claim: mine, execution })).toMatch(/reservation has ended/)
      expect(await say({ kind: 'available', claim: { ...mine, term: 4 }, execution, measured: true })).toBe('answered stale')

      const forged = await sealJob(key, exampleJob(lab.peerId, execution.split('/')[0]!))
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
