import { createHash, randomFillSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { register } from '../../src/node/protocol/register/index.ts'
import { slot } from '../../src/node/protocol/slot/index.ts'
import { Arrivals } from '../../src/roles/worker/arrivals.ts'
import { Relays } from '../../src/roles/worker/relays.ts'
import { handleTransfers } from '../../src/roles/worker/transfers.ts'
import { ContentStore } from '../../src/store/content.ts'
import { comeIn, readMeshFiles } from './insider.ts'
import { TestMesh } from './mesh.ts'
import { CountingProxy } from './proxy.ts'
import type { CommandResult, NodeProcess } from './mesh.ts'
import type { ArrivingContent } from '../../src/store/content-writer.ts'

const MiB = 1024 * 1024
const SIZE = 12 * MiB
/** What a mesh says while it runs a job, beside the content. */
const TALK = 4 * MiB
const INFO = { resources: { machineId: 'm', platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 1, memoryBytes: 1, kernel: '6', os: 'os', nodeVersion: '20' }, labels: {} }

describe('a payload for many workers', () => {
  const names = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6']
  const workers: NodeProcess[] = []
  let mesh: TestMesh
  let proxy: CountingProxy
  let master: NodeProcess
  let worker: (name: string, args?: string[]) => Promise<NodeProcess>
  let token: string

  beforeAll(async () => {
    mesh = await TestMesh.create()
    proxy = await CountingProxy.start(mesh.port)
    master = await mesh.master()
    token = /join (\S+)@/.exec((await mesh.run(['token', 'create', 'worker'])).stdout)?.[1] ?? ''
    // what the master sends is counted on the way
    worker = async (name, args = []) => mesh.worker(name, ['--token', token, ...args], proxy.address)
    workers.push(...await Promise.all(names.map(async name => worker(name))))
  })

  afterAll(async () => {
    await mesh.close()
    await proxy.stop()
  })

  async function randomFile (name: string, bytes = SIZE): Promise<string> {
    const content = randomFillSync(Buffer.alloc(bytes))

    await writeFile(join(mesh.dir, 'work', name), content)

    return createHash('sha256').update(content).digest('hex')
  }

  function digestRun (name: string, on = 'all'): string[] {
    return ['run', '--runs', '1', '--on', on, '--with', name, '--format', 'json', 'sha256sum', name]
  }

  function expectSeen ({ code, stdout, stderr }: CommandResult, name: string, digest: string, by: string[]): void {
    expect(code, `${stderr}\n${master.lines.slice(-20).join('\n')}`).toBe(0)

    const printed = createHash('sha256').update(`${digest}  ${name}\n`).digest('hex')
    const seen = JSON.parse(stdout).results.map((result: any) => [result.worker.name, result.stdout_sha256])

    expect(seen.sort()).toEqual(by.map(name => [name, printed]))
  }

  it('is sent by the coordinator twice at most, and reaches all of them whole', async () => {
    const digest = await randomFile('chain')

    proxy.reset()
    expectSeen(await mesh.run(digestRun('chain')), 'chain', digest, names)
    expect(proxy.down).toBeGreaterThan(SIZE)
    expect(proxy.down).toBeLessThan(2 * SIZE + TALK)
  })

  it('is not sent again, and comes to one more worker from the others', async () => {
    const digest = await randomFile('again')

    expectSeen(await mesh.run(digestRun('again')), 'again', digest, names)

    proxy.reset()
    expectSeen(await mesh.run(digestRun('again')), 'again', digest, names)
    expect(proxy.up + proxy.down).toBeLessThan(TALK)

    const one = await worker('w7')

    proxy.reset()
    expectSeen(await mesh.run(digestRun('again')), 'again', digest, [...names, 'w7'])
    expect(proxy.up + proxy.down).toBeLessThan(TALK)
    await one.stop()
  })

  it('comes past a worker that is to pass nothing on, and to it', async () => {
    // on the data of the one that has left
    const alone = await worker('w7', ['--no-relay'])
    const digest = await randomFile('past')

    proxy.reset()
    expectSeen(await mesh.run(digestRun('past')), 'past', digest, [...names, 'w7'])
    expect(proxy.down).toBeLessThan(2 * SIZE + TALK)
    await alone.stop()
  })

  it('goes on to the others when a worker in the middle is killed', async () => {
    const digest = await randomFile('killed', 2 * SIZE)
    const victim = workers[2]!

    proxy.reset()
    const command = mesh.start(digestRun('killed', names.filter(name => name !== 'w3').join(',')))
    const other = mesh.start(digestRun('killed', 'w3'))
    const outcome = mesh.outcome(command)

    await proxy.sentDown(SIZE)
    victim.kill('SIGKILL')
    expectSeen(await outcome, 'killed', digest, names.filter(name => name !== 'w3'))
    expect(proxy.down).toBeLessThan(2 * 2 * SIZE + TALK)
    other.kill('SIGKILL')

    workers[2] = await worker('w3')
    expectSeen(await mesh.run(digestRun('killed', 'w3')), 'killed', digest, ['w3'])
  })

  it('comes past a worker that sends other bytes, and the log names that one', async () => {
    const digest = await randomFile('lie', 2 * SIZE)
    const liar = await lyingWorker('liar')

    try {
      // it is the first to have it, so that the others are to have it from there
      const first = mesh.start(digestRun('lie', 'liar'))

      void mesh.outcome(first)
      await liar.has
      proxy.reset()
      expectSeen(await mesh.run(digestRun('lie', names.join(','))), 'lie', digest, names)
      expect(master.lines.join('\n')).toMatch(/says of liar: chunk \d+ of payload [0-9a-f]+ does not match its digest/)
      expect(master.lines.join('\n')).toMatch(/: liar passes it on no more: it sent what is not the payload/)
      expect(liar.sent()).toBeGreaterThan(0)
      expect(proxy.down).toBeLessThan(2 * 2 * SIZE + TALK)
      first.kill('SIGKILL')
    } finally {
      await liar.stop()
    }
  })

  /** A member that takes payloads as all do, and passes on something else. */
  async function lyingWorker (name: string): Promise<{ has: Promise<void>, sent: () => number, stop: () => Promise<void> }> {
    const { node, master: boss } = await comeIn(mesh, await readMeshFiles(mesh), 'worker', name)
    const has = Promise.withResolvers<void>()
    const store = await ContentStore.open(join(mesh.dir, 'liar'), { maxBytes: 100 * SIZE })
    let sent = 0
    const corrupting: ContentStore = Object.assign(Object.create(store), {
      follow: async (id: string, signal: AbortSignal): Promise<ArrivingContent> => {
        const content = await store.follow(id, signal)

        return {
          ...content,
          readChunk: async index => {
            sent++

            return Uint8Array.from((await content.readChunk(index)).subarray()).fill(7, 0, 10)
          }
        }
      }
    })
    const arrivals = new Arrivals(store)
    const relays = new Relays({ node, content: corrupting, arrivals, passesOn: true, isMeasuring: () => false })

    handleTransfers({ node, content: store, arrivals, isMeasuring: () => false })
    node.handle(slot, async channel => {
      for (let asked = await channel.receive(); asked != null; asked = await channel.receive()) {
        const { id } = asked
        const hasIt = asked.kind === 'available' && asked.payloads?.[0] != null && await store.has(asked.payloads[0])

        if (asked.kind === 'start') {
          has.resolve()
        }

        await channel.send(asked.kind === 'available' ? { id, kind: 'ready', leaseMs: 60_000, hasPayload: hasIt } : { id, kind: 'busy', reason: 'never' })
      }
    })

    const control = await node.openChannel(boss.id, register)
    const addresses = [`/ip4/127.0.0.1/tcp/1/p2p/${node.peerId}`]

    await control.send({ kind: 'register', info: { ...INFO, peerId: node.peerId, name, addresses }, holds: [] })
    await control.receive()
    await control.send({ kind: 'state', state: 'waiting', sinceMs: 0 })

    return {
      has: has.promise,
      sent: () => sent,
      stop: async () => {
        relays.stop()
        await node.stop()
      }
    }
  }
})
