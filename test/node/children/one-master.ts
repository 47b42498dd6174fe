import { answer } from './answer.ts'
import '../../../src/node/polyfill.ts'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { fromString } from 'uint8arrays/from-string'
import { sealMembership } from '../../../src/node/membership.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import { Masters } from '../../../src/roles/master/masters.ts'
import { Replica } from '../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../src/store/journal.ts'

/** A master that does nothing but know the others. argv: a JSON object with mesh key and identity in hex, name, folder, listen, and addresses of other masters. */
const { meshKey, identity: identityHex, name, dir, listen, peers } = JSON.parse(process.argv[2] ?? '') as { meshKey: string, identity: string, name: string, dir: string, listen: string, peers: string[] }

const identity = privateKeyFromProtobuf(fromString(identityHex, 'hex'))
const peerId = peerIdFromPrivateKey(identity).toString()
const membership = await sealMembership(privateKeyFromProtobuf(fromString(meshKey, 'hex')), {
  peerId, roles: ['master'], name, issuedAt: Date.now(), expiresAt: Date.now() + 3_600_000
})
const journal = await Journal.open(dir)
const replica = await Replica.open(journal, { peerId })
const node = await MeshNode.create({ identity, membership, listen: [listen], meshTime: () => Date.now(), uniqueRoles: ['master'] })
const masters = new Masters({ node, identity, replica, journal, peers, log: () => {} })
const reigns: number[] = []

masters.listen({ onReign: ({ term }) => { reigns.push(term) } })
masters.serve()
await node.start()
await masters.start()

answer({
  id: () => node.peerId,
  addresses: () => node.addresses(),
  coordinator: () => masters.claim?.master,
  /** Resolves when it knows a coordinator other than this one, or any. */
  coordinatorBut: async (but?: string) => new Promise(resolve => {
    const look = (): void => {
      if (masters.claim != null && masters.claim.master !== but) {
        resolve(masters.claim.master)
      }
    }

    masters.listen({ onCoordinator: look })
    look()
  }),
  reigns: () => reigns,
  write: async ({ key, value }: { key: string, value: string }) => masters.replicated(await replica.write([{ key, value: Buffer.from(value) }])),
  /** Resolves when the fact has come. */
  fact: async (key: string) => new Promise(resolve => {
    const look = (): void => {
      void replica.get(key).then(value => {
        if (value != null) {
          resolve(Buffer.from(value).toString())
        }
      })
    }

    replica.onChange(look)
    look()
  }),
  live: () => masters.live().length,
  stop: async () => {
    await masters.stop()
    await node.stop()
    await journal.close()
  }
})
