import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createMeshKey, meshIdOf, sealMembership } from '../../src/node/membership.ts'
import { MeshNode } from '../../src/node/mesh-node.ts'
import type { Membership } from '../../src/model/membership.ts'
import type { Role } from '../../src/model/roles.ts'
import type { MeshNodeInit } from '../../src/node/mesh-node.ts'
import type { Codec, Protocol } from '../../src/node/protocol/protocol.ts'
import type { PrivateKey } from '@libp2p/interface'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const HOUR = 3_600_000

/** Any JSON value, as bytes: a protocol that tests can have in one line. */
export const json: Codec<any> = {
  encode: message => new TextEncoder().encode(JSON.stringify(message)),
  decode: bytes => JSON.parse(new TextDecoder().decode(bytes.subarray()))
}

export function testProtocol (name: string, init: Partial<Protocol<any, any>> = {}): Protocol<any, any> {
  return {
    id: `/meshmark/${name}/1.0.0`,
    openers: ['client', 'worker', 'master'],
    listeners: ['master', 'worker'],
    maxMessage: 1_048_576,
    firstMessageMs: 5_000,
    rate: { perSecond: 1_000, burst: 1_000 },
    maxStreams: 32,
    request: json,
    reply: json,
    ...init
  }
}

/** A mesh key, and nodes with memberships sealed by it. Everything it started, it stops. */
export class TestMesh {
  readonly #nodes: MeshNode[] = []

  private constructor (readonly key: PrivateKey) {}

  static async create (): Promise<TestMesh> {
    return new TestMesh(await createMeshKey())
  }

  get id (): string {
    return meshIdOf(this.key)
  }

  /** A sealed membership, valid for an hour unless told otherwise. */
  async seal (identity: PrivateKey, roles: Role[], init: Partial<Membership> = {}): Promise<Uint8Array> {
    return sealMembership(this.key, {
      peerId: peerIdFromPrivateKey(identity).toString(),
      roles,
      name: roles.join('-'),
      issuedAt: Date.now(),
      expiresAt: Date.now() + HOUR,
      ...init
    })
  }

  /** A started member. Masters listen on loopback and have a clock of their own. */
  async node (roles: Role[], init: Partial<MeshNodeInit> & { as?: Partial<Membership> } = {}): Promise<MeshNode> {
    const identity = init.identity ?? await generateKeyPair('Ed25519')
    const master = roles.includes('master')

    return this.start({
      identity,
      membership: await this.seal(identity, roles, init.as),
      listen: master ? [LOOPBACK] : [],
      ...(master ? { meshTime: () => Date.now() } : {}),
      ...init
    })
  }

  /** A started node without a membership. */
  async stranger (init: Partial<MeshNodeInit> = {}): Promise<MeshNode> {
    return this.start({ identity: await generateKeyPair('Ed25519'), ...init })
  }

  async start (init: MeshNodeInit): Promise<MeshNode> {
    const node = await MeshNode.create(init)

    this.#nodes.push(node)
    await node.start()

    return node
  }

  async stop (): Promise<void> {
    await Promise.all(this.#nodes.splice(0).map(async node => node.stop()))
  }
}

export function firstAddress (node: MeshNode): string {
  const [address] = node.addresses()

  if (address == null) {
    throw new Error('the node does not listen')
  }

  return address
}

/** The next event of a kind, or what it matches. */
export async function nextEvent<K extends 'peer' | 'peer:gone' | 'master:discovered'> (node: MeshNode, type: K): Promise<any> {
  return new Promise(resolve => {
    node.addEventListener(type, event => { resolve((event as CustomEvent).detail) }, { once: true })
  })
}
