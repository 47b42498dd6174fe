import '../../node/fail-on-rejection.ts'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Masters } from '../../../src/roles/master/masters.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../src/store/journal.ts'
import { TestMesh } from '../../node/mesh.ts'
import { useTemporaryDir } from '../../store/child.ts'
import type { MeshNode } from '../../../src/node/mesh-node.ts'
import type { Change } from '../../../src/roles/master/replica/replica.ts'

const dir = useTemporaryDir()
const ends: Array<() => Promise<void>> = []
let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) {
    await end()
  }

  await mesh.stop()
})

function fact (key: string, value: unknown = {}): { key: string, value: Uint8Array } {
  return { key, value: Buffer.from(JSON.stringify(value)) }
}

/** A replica with these facts, and a way to take part with it. */
async function prepare (name: string, keys: string[]): Promise<{ replica: Replica, meet: (peers: string[]) => Promise<MeshNode> }> {
  const identity = await generateKeyPair('Ed25519')
  const node = await mesh.node(['master'], { identity, as: { name }, uniqueRoles: ['master'] })
  const journal = await Journal.open(join(dir(), name))
  const replica = await Replica.open(journal, { peerId: node.peerId })

  ends.push(async () => journal.close())
  await replica.write(keys.map(key => fact(key, { atMs: 100 })))

  return {
    replica,
    meet: async peers => {
      const masters = new Masters({ node, identity, replica, journal, peers, log: () => {} })

      ends.push(async () => {
        await masters.stop()
        await node.stop()
      })
      await masters.start()

      return node
    }
  }
}

function heard (replica: Replica, key: string): Promise<Change> {
  return new Promise(resolve => {
    replica.onChange(changes => { changes.filter(change => change.key === key).forEach(resolve) })
  })
}

it('a master that was away for longer than tombstones live says nothing to the others, whoever opens the stream', async () => {
  const stayed = await prepare('stayed', ['job/1', 'job/2', 'tombstone/1'])
  const away = await prepare('away', ['job/1', 'job/3'])
  const other = await prepare('other', ['drain/w'])

  await stayed.replica.graveyard.forget(1_000)

  const node = await stayed.meet([])
  const drained = heard(stayed.replica, 'drain/w')

  await away.meet(node.addresses())
  expect(await away.replica.graveyard.outlived).toMatch('this master was away since before')
  // another one that comes after it is heard
  await other.meet(node.addresses())
  await drained
  expect(await Promise.all(['job/1', 'job/2', 'job/3'].map(async key => await stayed.replica.get(key) != null))).toEqual([false, true, false])
  expect(await other.replica.get('job/3')).toBeUndefined()
  expect(await away.replica.get('job/2')).toBeUndefined()
})
