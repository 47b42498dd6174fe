import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError, toError } from '../model/errors.ts'
import { openMembership } from '../node/membership.ts'
import { join } from '../node/protocol/join/index.ts'
import { request } from '../node/request.ts'
import { linkOrder } from './link-order.ts'
import { loadExpired, loadMember, rememberMasters, saveMembership } from './member.ts'
import type { Member, MemberPlace } from './member.ts'
import type { FoundMesh } from './find-mesh.ts'
import type { MeshNode, Peer } from '../node/mesh-node.ts'
import type { JoinReply, JoinRequest } from '../node/protocol/join/messages.ts'
import type { JoinToken } from '../node/token.ts'

export interface LinkOptions {
  /** Where the membership is kept. */
  dir: MemberPlace
  /** The name wished for. */
  name: string
  /** Try no master but those whose addresses the mesh comes with: somebody typed them. */
  typedOnly?: boolean
  /** A master that has just been lost: it is tried after all others. */
  lost?: Pick<Peer, 'id' | 'reachedAt' | 'addresses'>
  /** How long a master that has accepted the connection may take for each answer. @default 10_000 */
  answerMs?: number
  /** A master has accepted the connection. */
  onReached?: () => void
  /** How long mDNS may take when no address is known. */
  discoveryMs?: number
  signal?: AbortSignal
}

const DISCOVERY_MS = 5_000
const JOIN_TIMEOUT_MS = 10_000
/** Before a membership is asked for again that other processes of the same identity ask for, too. */
const CROWD_MS = 200

/** How often a member looks whether it should renew: timers stand still while a machine sleeps, memberships do not, and a renewal may fail. */
export const RENEW_CHECK_MS = 5 * 60 * 1000

/**
 * Connects to a master of the mesh, as a member:
 *
 * 1. take the stored membership, if it is valid still
 * 2. otherwise connect as a stranger, and have the expired one renewed, or turn
 *    the token into one
 * 3. connect (again) as that member
 *
 * Whoever is reached says where all masters are; that is kept for the next time.
 */
export async function linkToMaster (node: MeshNode, mesh: FoundMesh, options: LinkOptions): Promise<Peer> {
  const stored = await loadMember(options.dir, node.peerId)
  const member = stored?.meshId === mesh.meshId ? stored : undefined

  const kept = member == null ? await loadExpired(options.dir, node.peerId) : undefined
  const expired = kept?.meshId === mesh.meshId ? kept : undefined

  if (member != null) {
    node.setMembership(member.membership)
  } else if (expired != null) {
    node.dropMembership()
  } else if (mesh.token == null) {
    throw hasEnded()
  }

  const addresses = linkOrder({
    given: mesh.addresses,
    typed: mesh.typed === true,
    stored: options.typedOnly === true ? [] : (member ?? expired)?.masters ?? [],
    lost: options.lost
  })
  const peer = await reach(node, addresses, mesh.meshId, options)

  if (member == null) {
    await inCrowd(node, mesh.meshId, options, async () => comeBack(node, peer, mesh, expired, options))

    // says hello again, as a member now
    const master = await node.connect([peer.reachedAt ?? [], peer.addresses].flat(), { expectMesh: mesh.meshId, answerMs: options.answerMs, signal: options.signal })

    await rememberMasters(options.dir, node.peerId, master)

    return master
  }

  await rememberMasters(options.dir, node.peerId, peer)

  // what is valid still is good enough for now, should the master not be able to renew it
  await renewWhenAgeing(node, peer, mesh.meshId, options).catch(() => { options.signal?.throwIfAborted() })

  return peer
}

/** Asks for the next membership once a third of this one's life is over; a member that stays calls this now and then. */
export async function renewWhenAgeing (node: MeshNode, master: Peer, meshId: string, options: LinkOptions): Promise<void> {
  const member = await loadMember(options.dir, node.peerId)

  if (member != null && await isAgeing(member, node.meshTime())) {
    await renewMembership(node, master, meshId, options)
  }
}

/** By its addresses; if it is at none of them it may have moved, and the local network is asked. */
async function reach (node: MeshNode, addresses: string[], meshId: string, options: LinkOptions): Promise<Peer> {
  if (addresses.length === 0) {
    return connectDiscovered(node, meshId, options)
  }

  try {
    return await node.connect(addresses, { expectMesh: meshId, answerMs: options.answerMs, onReached: options.onReached, signal: options.signal })
  } catch (err) {
    // a master of this machine alone is not on the local network
    const hasMoved = options.typedOnly !== true && isMeshmarkError(err) && err.code === 'unreachable' &&
      options.signal?.aborted !== true && !addresses.every(isLoopback)

    if (!hasMoved) {
      throw err
    }

    return connectDiscovered(node, meshId, options).catch(() => { throw err })
  }
}

function isLoopback (address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address)
}

/** A third of its life is over: whoever calls once a day never has to join again. */
async function isAgeing ({ membership, meshId }: Member, meshTimeMs: number): Promise<boolean> {
  const { issuedAt, expiresAt } = await openMembership(membership, meshId)

  return meshTimeMs > issuedAt + (expiresAt - issuedAt) / 3
}

/** The first commands of a script come at once, and a master lets few of one identity ask: what one of them was given is good for all. */
async function inCrowd (node: MeshNode, meshId: string, options: LinkOptions, ask: () => Promise<void>): Promise<void> {
  for (const endMs = performance.now() + (options.answerMs ?? JOIN_TIMEOUT_MS); ;) {
    try {
      await ask()
      return
    } catch (err) {
      if (!isMeshmarkError(err) || err.code !== 'quota' || performance.now() > endMs) {
        throw err
      }
    }

    await delay(CROWD_MS * (1 + Math.random()), undefined, { signal: options.signal })

    const member = await loadMember(options.dir, node.peerId)

    if (member?.meshId === meshId) {
      node.setMembership(member.membership)
      return
    }
  }
}

/** As a member again, or for the first time. A token may be older than the membership, so it is shown last. */
async function comeBack (node: MeshNode, master: Peer, mesh: FoundMesh, expired: Member | undefined, options: LinkOptions): Promise<void> {
  try {
    if (expired != null) {
      await askMembership(node, master, { kind: 'renew', membership: expired.membership }, mesh.meshId, expired.masters, options)
      return
    }
  } catch (err) {
    if (!isMeshmarkError(err) || err.code !== 'refused') {
      throw err
    }

    if (mesh.token == null) {
      throw hasEnded(err)
    }
  }

  if (mesh.token != null) {
    await joinThrough(node, master, mesh.token, mesh.addresses, options)
  }
}

function hasEnded (cause?: MeshmarkError): MeshmarkError {
  return new MeshmarkError('refused', `the membership of this machine has ended${cause == null ? '' : ` (${cause.message})`}: join again with meshmark join TOKEN@HOST (a master prints the line with meshmark token create)`, { cause })
}

/** Says the token's secret to a master whose membership has been verified against the token's mesh. */
async function joinThrough (node: MeshNode, master: Peer, token: JoinToken, addresses: string[], options: LinkOptions): Promise<void> {
  await askMembership(node, master, { kind: 'join', tokenId: token.id, secret: token.secret, name: options.name }, token.meshId, addresses, options)
}

/** A membership lives for a day; the next one is asked for well before. */
async function renewMembership (node: MeshNode, master: Peer, meshId: string, options: LinkOptions): Promise<void> {
  const member = await loadMember(options.dir, node.peerId)

  await askMembership(node, master, { kind: 'renew' }, meshId, member?.masters ?? [], options)
}

async function askMembership (node: MeshNode, master: Peer, message: JoinRequest, meshId: string, addresses: string[], options: LinkOptions): Promise<void> {
  const reply: JoinReply = await request(node, master.id, join, message, { signal: options.signal, timeoutMs: options.answerMs ?? JOIN_TIMEOUT_MS })

  if (reply.kind === 'refused') {
    throw new MeshmarkError('refused', `the master refused: ${reply.reason}`)
  }

  await saveMembership(options.dir, { meshId, membership: reply.membership, masters: [...addresses, ...reply.masters] })
  node.setMembership(reply.membership)
}

/** The first master of this mesh that mDNS finds; those of other meshes are passed over. */
async function connectDiscovered (node: MeshNode, meshId: string, options: LinkOptions): Promise<Peer> {
  const { promise, resolve, reject } = Promise.withResolvers<Peer>()
  const { signal } = options
  const tried = new Set<string>()
  const timer = setTimeout(() => {
    reject(new MeshmarkError('unreachable', `no master of mesh ${meshId.slice(-8)} answered on the local network: give its address with --master HOST[:PORT]`))
  }, options.discoveryMs ?? DISCOVERY_MS)
  const onAbort = (): void => { reject(toError(signal?.reason)) }
  const onFound = ({ detail }: CustomEvent<{ id: string, addresses: string[] }>): void => {
    if (!tried.has(detail.id)) {
      tried.add(detail.id)
      // discovery proves nothing: whether it is one of ours, only the hello says
      node.connect(detail.addresses, { expectMesh: meshId, signal }).then(resolve, () => { tried.delete(detail.id) })
    }
  }

  // it may be decided before it is awaited
  promise.catch(() => {})
  node.addEventListener('master:discovered', onFound)

  if (!await node.lookForMasters()) {
    reject(new MeshmarkError('unreachable', `no address of a master of mesh ${meshId.slice(-8)} is known, and mDNS is switched off: give one with --master HOST[:PORT]`))
  }

  signal?.addEventListener('abort', onAbort)

  try {
    return await promise
  } finally {
    clearTimeout(timer)
    node.removeEventListener('master:discovered', onFound)
    signal?.removeEventListener('abort', onAbort)
  }
}
