import { answer } from './answer.ts'
import '../../../src/node/polyfill.ts'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { fromString } from 'uint8arrays/from-string'
import { sealMembership } from '../../../src/node/membership.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import type { Role } from '../../../src/model/roles.ts'

/** An ordinary member. argv: a JSON object with mesh key and identity in hex, role, listen, mdns. */
const { meshKey, identity: identityHex, role, listen, mdns } = JSON.parse(process.argv[2] ?? '') as { meshKey: string, identity: string, role: Role, listen: string[], mdns: boolean }

const identity = privateKeyFromProtobuf(fromString(identityHex, 'hex'))
const membership = await sealMembership(privateKeyFromProtobuf(fromString(meshKey, 'hex')), {
  peerId: peerIdFromPrivateKey(identity).toString(), roles: [role], name: role, issuedAt: Date.now(), expiresAt: Date.now() + 3_600_000
})
const node = await MeshNode.create({ identity, membership, listen, mdns })
const found: string[][] = []
let onFound = (): void => {}

node.addEventListener('master:discovered', ({ detail }) => {
  found.push(detail.addresses)
  onFound()
})

await node.start()
await node.lookForMasters()

answer({
  id: () => node.peerId,
  addresses: () => node.addresses(),
  connect: async (address: string | string[]) => (await node.connect(address)).id,
  /** Resolves when a master has answered this many times. */
  discovered: async (times: number) => new Promise(resolve => {
    onFound = () => {
      if (found.length >= times) {
        resolve(found)
      }
    }
    onFound()
  }),
  stop: async () => node.stop()
})
