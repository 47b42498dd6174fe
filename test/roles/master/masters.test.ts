import '../../node/fail-on-rejection.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { toString } from 'uint8arrays/to-string'
import { handleAsk } from '../../../src/roles/master/ask-handler.ts'
import { positions } from '../../../src/roles/master/follow.ts'
import { Masters } from '../../../src/roles/master/masters.ts'
import { ProvenClaims } from '../../../src/roles/master/proven-claims.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../src/store/journal.ts'
import { Children } from '../../node/child.ts'
import { LOOPBACK, TestMesh } from '../../node/mesh.ts'
import type { MeshNode } from '../../../src/node/mesh-node.ts'
import type { PrivateKey } from '@libp2p/interface'
import type { Answers } from '../../../src/roles/master/ask-handler.ts'
import type { Child } from '../../node/child.ts'

let mesh: TestMesh
let root: string
let ends: Array<() => Promise<void>>

beforeEach(async () => {
  mesh = await TestMesh.create()
  root = await mkdtemp(join(tmpdir(), 'meshmark-masters-'))
  ends = []
})

afterEach(async () => {
  await Promise.all(ends.map(async end => end()))
  await mesh.stop()
  await rm(root, { recursive: true, force: true })
})

interface One { name: string, identity: PrivateKey, masters: Masters, replica: Replica, node: MeshNode, stop: () => Promise<void> }

/** A master that does nothing but know the others. */
async function master (name: string, peers: string[] = [], { answers }: { answers?: Answers } = {}): Promise<One> {
  const identity = await generateKeyPair('Ed25519')
  const node = await mesh.node(['master'], { identity, as: { name }, uniqueRoles: ['master'] })
  const journal = await Journal.open(join(root, name))
  const replica = await Replica.open(journal, { peerId: node.peerId })
  const masters = new Masters({ node, identity, replica, journal, peers, log: () => {} })
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopped ??= masters.stop().then(async () => node.stop()).then(async () => journal.close())
    await stopped
  }

  ends.push(stop)
  handleAsk(node, answers ?? { 'want-vector': async () => ({ kind: 'vector', vector: positions(replica.vector()) }) })
  await masters.start()

  return { name, identity, masters, replica, node, stop }
}

async function three (): Promise<One[]> {
  const first = await master('a')

  // it is there first only when it coordinates before others are heard
  await first.masters.whenCoordinator(AbortSignal.timeout(5_000))

  const second = await master('b', first.node.addresses())
  const third = await master('c', first.node.addresses())
  const all = [first, second, third]

  await until(() => all.every(({ masters }) => masters.live().length === 2))

  return all
}

/** Looks again and again: links come and go without a sound. */
async function until (condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) {
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function agreed (all: One[]): string | undefined {
  const [first] = all
  const claim = first?.masters.claim

  return all.every(({ masters }) => masters.claim?.master === claim?.master && masters.claim?.term === claim?.term) ? claim?.master : undefined
}

describe('masters of one mesh', () => {
  it('a master that is alone coordinates', async () => {
    const { masters, node } = await master('a')

    expect(await masters.whenCoordinator(AbortSignal.timeout(5_000))).toEqual({ term: 1, master: node.peerId })
    expect(masters.isCoordinator).toBe(true)
    expect(await masters.replicated({ origin: 'none', seq: 1 })).toEqual({ on: ['a'], leftOut: [] })
    expect(masters.route()).toBeUndefined()
  })

  it('know each other through one of them, and follow the one that was there first', async () => {
    const all = await three()
    const [first] = all

    await until(() => agreed(all) != null)
    expect(agreed(all)).toBe(first?.node.peerId)
    expect(all.filter(({ masters }) => masters.isCoordinator)).toHaveLength(1)
    expect(all[2]?.masters.coordinator()).toEqual({ peerId: first?.node.peerId, name: 'a' })
    expect(all[2]?.masters.route()).toBe(first?.node.peerId)
    expect(all[2]?.masters.views().map(({ name, state }) => [name, state]).sort()).toEqual([['a', 'coordinator'], ['b', 'standby'], ['c', 'standby']])

    const [own = '', ...others] = all[1]?.masters.addresses() ?? []

    expect(all[1]?.node.addresses()).toContain(own)
    expect(others).toEqual(expect.arrayContaining([all[0], all[2]].flatMap(one => one!.node.addresses())))
  })

  it('what one of them writes is on the disks of all', async () => {
    const all = await three()

    for (const { name, masters, replica } of all) {
      const { on, leftOut } = await masters.replicated(await replica.write([{ key: `drain/${name}`, value: Buffer.from(JSON.stringify({ drain: true, atMs: 1, by: name })) }]))

      expect(on[0]).toBe(name)
      expect([...on].sort()).toEqual(['a', 'b', 'c'])
      expect(leftOut).toEqual([])
    }

    for (const { replica, masters } of all) {
      expect(await Promise.all(all.map(async ({ name }) => replica.get(`drain/${name}`)))).not.toContain(undefined)
      await until(() => masters.views().every(({ behind }) => behind === 0))
    }
  })

  it('one that catches up has what another had at that moment, also when it has only just begun to follow', async () => {
    const first = await master('a')
    const values = Array.from({ length: 40 }, (_, index) => ({ key: `conflict/large/${index}`, value: new Uint8Array(1024 * 1024).fill(index) }))

    await first.masters.whenCoordinator()
    await first.replica.write(values)

    const { seq } = first.replica.position
    const second = await master('b', first.node.addresses())

    await until(() => second.masters.live().length === 1)
    await second.masters.catchUp()
    expect(second.replica.vector().get(first.replica.origin)).toBeGreaterThanOrEqual(seq)
  })

  it('one that catches up does not wait for a master that does not answer', async () => {
    const first = await master('a', [], { answers: {} })
    const second = await master('b', first.node.addresses())

    await until(() => second.masters.live().length === 1)
    await second.masters.catchUp()
    expect(second.masters.live()).toEqual([first.node.peerId])
  })

  it('one that catches up does not wait for what never comes, however much is written meanwhile', async () => {
    const first = await master('a', [], { answers: { 'want-vector': async () => ({ kind: 'vector', vector: [{ origin: `${first.node.peerId}.01ARZ3NDEKTSV4RRFFQ69G5FAV`, seq: 5 }] }) } })
    const second = await master('b', first.node.addresses())
    const over = new AbortController()
    const writing = (async () => {
      for (let number = 0; !over.signal.aborted; number++) {
        await second.replica.write([{ key: `conflict/small/${number}`, value: Buffer.from(`${number}`) }])
      }
    })()

    await until(() => second.masters.live().length === 1)
    await second.masters.catchUp()
    over.abort()
    await writing
    expect(second.replica.position.seq).toBeGreaterThan(1)
  })

  it('one that comes later is told everything, also what is large, while the coordinator stays', async () => {
    const first = await master('a')
    const value = new Uint8Array(15 * 1024 * 1024).fill(7)

    await first.masters.whenCoordinator()
    await first.replica.write([{ key: 'conflict/large/0', value }])
    await first.replica.write(Array.from({ length: 10_000 }, (_, index) => ({ key: `conflict/small/${index}`, value: Buffer.from(`${index}`) })))

    const second = await master('b', first.node.addresses())
    const all = [first, second]

    await until(async () => await second.replica.get('conflict/small/9999') != null)
    expect(Buffer.compare(await second.replica.get('conflict/large/0') ?? Buffer.alloc(0), value)).toBe(0)
    await until(() => agreed(all) != null)
    expect(first.masters.claim).toEqual({ term: 1, master: first.node.peerId })
  })

  it('another one coordinates when the coordinator has gone, and who comes back displaces nobody', async () => {
    const all = await three()
    const [first, ...others] = all

    await until(() => agreed(all) === first?.node.peerId)
    await first?.stop()
    await until(() => agreed(others) != null && agreed(others) !== first?.node.peerId)

    const again = await master('d', others[0]?.node.addresses())

    // which of the two may change where nobody gets a processor for a second: the coordinator rightly counts as silent then
    await until(() => others.some(({ node }) => agreed([...others, again]) === node.peerId))
    expect(again.masters.isCoordinator).toBe(false)
    expect(others.map(({ masters }) => masters.isCoordinator).sort()).toEqual([false, true])
    expect(others[0]?.masters.views().find(({ name }) => name === 'a')?.state).toBe('lost')
  })

  it('a master that was removed is not met any more', async () => {
    const all = await three()
    const [first, second, third] = all

    await first?.replica.write([{ key: `master/${third!.node.peerId}`, value: Buffer.from(JSON.stringify({ name: 'c', addresses: [], atMs: Date.now() + 1_000, removed: true })) }])
    await until(() => [first, second].every(one => one!.masters.live().length === 1))
    expect(first?.masters.views().map(({ name }) => name)).toEqual(['a', 'b'])
    expect((await first?.masters.replicated({ origin: first.replica.origin, seq: 1 }))?.on).toEqual(['a', 'b'])
  })

  it('whoever does not confirm is left out by name', async () => {
    const all = await three()
    const [first] = all

    // no master has ever written this
    const { on, leftOut } = await first!.masters.replicated({ origin: first!.replica.origin, seq: 1_000_000 })

    expect(on).toEqual(['a'])
    expect(leftOut.sort()).toEqual(['b', 'c'])
  })

  it('a refusal by a worker with a higher claim makes the coordinator claim above it', async () => {
    const { identity, masters, node } = await master('a')
    const proven = new ProvenClaims({ identity, meshId: node.meshId!, isMaster: () => true, log: () => {} })
    const downs: string[] = []

    await masters.whenCoordinator()
    masters.listen({ onStandDown: () => { downs.push('down') } })
    masters.stale(await proven.prove({ term: 41, master: node.peerId }))
    await until(() => !masters.isCoordinator)
    expect(await masters.whenCoordinator()).toEqual({ term: 42, master: node.peerId })
    expect(downs).toEqual(['down'])
  })

  it('a claim that no master of the mesh has signed changes nothing', async () => {
    const { masters, node } = await master('a')
    const stranger = await generateKeyPair('Ed25519')
    const own = { term: 41, master: peerIdFromPrivateKey(stranger).toString() }
    const claim = await masters.whenCoordinator()

    masters.stale({ term: 41, master: node.peerId })
    masters.heardClaim({ term: 41, master: node.peerId, proof: new Uint8Array(64) })
    masters.heardClaim(await new ProvenClaims({ identity: stranger, meshId: node.meshId!, isMaster: () => true, log: () => {} }).prove(own))
    // all of them have been looked at by the time it has stopped
    await masters.stop()
    expect(masters.claim).toEqual(claim)
  })
})

describe('masters as processes', () => {
  let children: Children

  beforeEach(async () => { children = await Children.create() })
  afterEach(async () => { await children.stop() })

  it('one is elected while the coordinator stands still, which follows once it goes on; and again when that one is killed', async () => {
    const meshKey = toString(privateKeyToProtobuf(mesh.key), 'hex')
    const running = new Map<string, Child>()
    const start = async (name: string, identity: string, listen: string, peers: string[]): Promise<string> => {
      const child = await children.start('one-master', [JSON.stringify({ meshKey, identity, name, dir: join(root, name), listen, peers })])
      const id = await child.ask('id')

      running.set(id, child)

      return id
    }
    const identities = await Promise.all(['a', 'b', 'c'].map(async () => generateKeyPair('Ed25519')))
    const hex = identities.map(identity => toString(privateKeyToProtobuf(identity), 'hex'))
    const first = await start('a', hex[0]!, LOOPBACK, [])
    const addresses = await running.get(first)!.ask('addresses')

    await start('b', hex[1]!, LOOPBACK, addresses)
    await start('c', hex[2]!, LOOPBACK, addresses)

    for (const child of running.values()) {
      while (await child.ask('live') < 2) {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }

    const frozen: string = await running.get(first)!.ask('coordinatorBut')
    const others = [...running.keys()].filter(id => id !== frozen)

    running.get(frozen)!.process.kill('SIGSTOP')

    const second: string[] = await Promise.all(others.map(async id => running.get(id)!.ask('coordinatorBut', frozen)))

    expect(others).toContain(second[0])
    expect(second[0]).toBe(second[1])

    const { on } = await running.get(second[0]!)!.ask('write', { key: 'drain/x', value: '{"drain":true,"atMs":1,"by":"b"}' })

    expect(on).toHaveLength(2)
    running.get(frozen)!.process.kill('SIGCONT')
    expect(await running.get(frozen)!.ask('coordinatorBut', frozen)).toBe(second[0])
    expect(await running.get(frozen)!.ask('fact', 'drain/x')).toContain('"by":"b"')

    await running.get(second[0]!)!.kill('SIGKILL')
    const left = [...running.keys()].filter(id => id !== second[0])
    const third: string[] = await Promise.all(left.map(async id => running.get(id)!.ask('coordinatorBut', second[0])))

    expect(left).toContain(third[0])

    // killed, it comes back with another incarnation and what its disk has, and follows
    const index = identities.findIndex(identity => peerIdFromPrivateKey(identity).toString() === second[0])
    const back = await start('abc'[index]!, hex[index]!, LOOPBACK, [])

    expect(back).toBe(second[0])
    expect(left).toContain(await running.get(back)!.ask('coordinatorBut'))
    expect(await running.get(back)!.ask('reigns')).toEqual([])
  }, 60_000)
})
