import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { exchangeHello } from '../../src/node/hello.ts'
import { createTransport } from '../../src/node/libp2p.ts'
import { admin } from '../../src/node/protocol/admin/index.ts'
import { hello } from '../../src/node/protocol/hello/index.ts'
import { join } from '../../src/node/protocol/join/index.ts'
import { payload } from '../../src/node/protocol/payload/index.ts'
import { register } from '../../src/node/protocol/register/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { submit } from '../../src/node/protocol/submit/index.ts'
import { task } from '../../src/node/protocol/task/index.ts'
import { VERSION } from '../../src/node/version.ts'
import { refusalOf } from './insider.ts'
import { Visitors } from './visitors.ts'
import type { TestMesh } from './mesh.ts'
import type { Transport } from '../../src/node/libp2p.ts'
import type { Connection, Stream } from '@libp2p/interface'

const PROTOCOLS = [hello, join, register, submit, task, payload, admin, slot]

let visitors: Visitors
let mesh: TestMesh

Visitors.forFile(found => { [visitors, mesh] = [found, found.mesh] }, async () => visitors.expectService())

/** A member whose streams are raw bytes. */
async function rawMember (role: 'worker' | 'client'): Promise<{ transport: Transport, connection: Connection }> {
  const { node, identity, membership } = await visitors.insider(role)
  await node.stop()
  const transport = await createTransport({ identity, listen: [], askAfterMs: 2_000, giveUpAfterMs: 5_000 })
  visitors.onLeave(async () => transport.stop())
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
  const status = await readFile(`/proc/${visitors.boss.pid}/status`, 'utf8')

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
    const flood = (async () => {
      for (let i = 0; i < 3_000; i++) {
        const stream = await connection.newStream([submit.id], { maxOutboundStreams: 10_000 }).catch(() => undefined)
        if (stream == null) {
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
    const worker = await visitors.insider('worker')
    const client = await visitors.insider('client')

    expect(await refusalOf(worker.node, worker.master.id, task, { kind: 'output', stream: 'stdout', offset: 0, data: Buffer.from('x') })).toMatch(/begins with the execution/)
    expect(await refusalOf(worker.node, worker.master.id, register, { kind: 'state', state: 'waiting', sinceMs: 0 })).toMatch(/begins with the registration/)
    expect(await refusalOf(worker.node, worker.master.id, payload, { kind: 'chunk', index: 0, data: new Uint8Array(1) })).toMatch(/begins with an offer/)
    expect(await refusalOf(client.node, client.master.id, submit, { kind: 'submit', job: randomBytes(300) })).toMatch(/damaged or forged/)
  })
})
