import { MeshmarkError, toError } from '../model/errors.ts'
import { join } from '../node/protocol/join/index.ts'
import { request } from '../node/request.ts'
import { loadMember, saveMember } from './member.ts'
import type { FoundMesh } from './find-mesh.ts'
import type { MeshNode, Peer } from '../node/mesh-node.ts'
import type { JoinReply, JoinRequest } from '../node/protocol/join/messages.ts'
import type { JoinToken } from '../node/token.ts'

export interface LinkOptions {
  /** Where the membership is kept. */
  dir: string
  /** The name wished for. */
  name: string
  /** How long mDNS may take when no address is known. */
  discoveryMs?: number
  signal?: AbortSignal
}

const DISCOVERY_MS = 5_000
const JOIN_TIMEOUT_MS = 10_000

/**
 * Connects to a master of the mesh, as a member:
 *
 * 1. take the stored membership, if it is valid still
 * 2. otherwise connect as a stranger and turn the token into one
 * 3. connect (again) as that member
 */
export async function linkToMaster (node: MeshNode, mesh: FoundMesh, options: LinkOptions): Promise<Peer> {
  const stored = await loadMember(options.dir, node.peerId)
  const member = stored?.meshId === mesh.meshId ? stored : undefined

  if (member != null) {
    node.setMembership(member.membership)
  } else if (mesh.token == null) {
    throw new MeshmarkError('refused', 'the membership of this machine has ended: join again with meshmark join TOKEN@HOST (a master prints the line with meshmark token create)')
  }

  const addresses = await candidates(node, [...mesh.addresses, ...(member?.masters ?? [])], mesh.meshId, options)
  const peer = await connectAny(node, addresses, mesh.meshId, options.signal)

  if (member != null || mesh.token == null) {
    return peer
  }

  await joinThrough(node, peer, mesh.token, options)

  return node.connect(addresses.filter(address => address.includes(peer.id)).concat(addresses), { expectMesh: mesh.meshId, signal: options.signal })
}

/** Says the token's secret to a master whose membership has been verified against the token's mesh. */
async function joinThrough (node: MeshNode, master: Peer, token: JoinToken, options: LinkOptions): Promise<void> {
  await askMembership(node, master, { kind: 'join', tokenId: token.id, secret: token.secret, name: options.name }, token.meshId, options)
}

/** A membership lives for a day; the next one is asked for well before. */
export async function renewMembership (node: MeshNode, master: Peer, meshId: string, options: LinkOptions): Promise<void> {
  await askMembership(node, master, { kind: 'renew' }, meshId, options)
}

async function askMembership (node: MeshNode, master: Peer, message: JoinRequest, meshId: string, options: LinkOptions): Promise<void> {
  const reply: JoinReply = await request(node, master.id, join, message, { signal: options.signal, timeoutMs: JOIN_TIMEOUT_MS })

  if (reply.kind === 'refused') {
    throw new MeshmarkError('refused', `the master refused: ${reply.reason}`)
  }

  await saveMember(options.dir, { meshId, membership: reply.membership, masters: reply.masters })
  node.setMembership(reply.membership)
}

async function candidates (node: MeshNode, known: string[], meshId: string, options: LinkOptions): Promise<string[]> {
  if (known.length > 0) {
    return [...new Set(known)]
  }

  const address = await discover(node, options.discoveryMs ?? DISCOVERY_MS, options.signal)

  if (address == null) {
    throw new MeshmarkError('unreachable', `no master of mesh ${meshId.slice(-8)} answered on the local network: give its address with --master HOST[:PORT]`)
  }

  return [address]
}

/** The first master that mDNS finds. */
async function discover (node: MeshNode, timeoutMs: number, signal: AbortSignal | undefined): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const timer = setTimeout(() => { resolve(undefined) }, timeoutMs)
  const onFound = ({ address }: { address: string }): void => { resolve(address) }
  const onAbort = (): void => { resolve(undefined) }

  node.on('master:discovered', onFound)
  signal?.addEventListener('abort', onAbort)

  try {
    return await promise
  } finally {
    clearTimeout(timer)
    node.off('master:discovered', onFound)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** The first address that answers; the error is the gravest one, so that a refusal is not hidden by a dead address. */
async function connectAny (node: MeshNode, addresses: string[], meshId: string, signal: AbortSignal | undefined): Promise<Peer> {
  let worst: Error | undefined

  for (const address of addresses) {
    try {
      return await node.connect(address, { expectMesh: meshId, signal })
    } catch (err) {
      const error = toError(err)

      if (worst == null || ('code' in error && error.code === 'refused')) {
        worst = error
      }
    }
  }

  throw worst ?? new MeshmarkError('unreachable', 'no master address is known: give one with --master HOST[:PORT]')
}
