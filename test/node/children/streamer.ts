import { answer } from './answer.ts'
import '../../../src/node/polyfill.ts'
import { generateKeyPair, privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { fromString } from 'uint8arrays/from-string'
import { sealMembership } from '../../../src/node/membership.ts'
import { MeshNode } from '../../../src/node/mesh-node.ts'
import { testProtocol } from '../mesh.ts'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Role } from '../../../src/model/roles.ts'
import type { Channel } from '../../../src/node/protocol/protocol.ts'

/** A node that sends and receives large amounts, and watches its own memory. argv: mesh key in hex, role. */
const [meshKey = '', role = 'client'] = process.argv.slice(2)
const bytes = { encode: (message: Uint8Array) => message, decode: (message: Uint8Array | Uint8ArrayList) => message.subarray() }
const upload = testProtocol('upload', { maxMessage: 2 ** 20, request: bytes, reply: bytes })
const chunk = new Uint8Array(2 ** 20).fill(7)

const identity = await generateKeyPair('Ed25519')
const membership = await sealMembership(privateKeyFromProtobuf(fromString(meshKey, 'hex')), {
  peerId: peerIdFromPrivateKey(identity).toString(), roles: [role as Role], name: role, issuedAt: Date.now(), expiresAt: Date.now() + 3_600_000
})
const node = await MeshNode.create({ identity, membership, listen: role === 'master' ? ['/ip4/127.0.0.1/tcp/0'] : [] })

await node.start()

let received = 0
let sent = 0
let base = 0
let peak = 0
let hold = false
let transfer: Promise<void> | undefined
const go = Promise.withResolvers<void>()

setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss) }, 5).unref()

/** From here on, growth counts. */
function begin (): void {
  received = 0
  sent = 0
  base = process.memoryUsage().rss
  peak = base
}

node.handle(upload, async channel => {
  begin()
  received += (await channel.receive())?.byteLength ?? 0

  if (hold) {
    await go.promise
  }

  for (let message = await channel.receive(); message != null; message = await channel.receive()) {
    received += message.byteLength
  }

  await channel.send(chunk.subarray(0, 1))
})

async function send (channel: Channel<Uint8Array, Uint8Array>, megabytes: number): Promise<void> {
  begin()

  for (; sent < megabytes; sent++) {
    await channel.send(chunk)
  }

  await channel.close()

  if (await channel.receive() == null) {
    throw new Error('no answer')
  }
}

answer({
  address: () => node.addresses()[0],
  connect: async (address: string) => (await node.connect(address)).id,
  send: async ({ peer, megabytes }) => {
    transfer = send(await node.openChannel(peer, upload), megabytes)
    transfer.catch(() => {})
  },
  finish: async () => transfer,
  progress: () => ({ sent, received, grownMB: (peak - base) / 2 ** 20 }),
  hold: () => { hold = true },
  go: () => { go.resolve() }
})
