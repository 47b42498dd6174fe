import { MeshmarkError } from '../model/errors.ts'
import { printable } from '../model/text.ts'
import { openMembership, shortId } from './membership.ts'
import { isCompatible } from './version.ts'
import type { Membership } from '../model/membership.ts'
import type { Role } from '../model/roles.ts'
import type { MeshId } from './membership.ts'
import type { Hello } from './protocol/hello/messages.ts'
import type { Protocol } from './protocol/protocol.ts'

/** What the judge knows: pure decisions, all of them. */
export interface Judge {
  /** Absent = we are in no mesh ourselves, and everybody is a stranger. */
  meshId?: MeshId
  /** Mesh time now, milliseconds since 1970. */
  meshTimeMs: number
  /** We have no mesh time of our own and take it from masters; a master's membership is then judged by the clock it shows. */
  followsMasters: boolean
  isRevoked: (peerId: string) => boolean
}

/**
 * Judges what a peer says of itself. Throws a MeshmarkError in words that the
 * peer may hear; resolves to its membership, or to undefined for a stranger.
 * `peerId` is the one that noise has proven.
 */
export async function judgeHello (hello: Hello, peerId: string, ownVersion: string, judge: Judge): Promise<Membership | undefined> {
  if (!isCompatible(hello.version, ownVersion)) {
    throw new MeshmarkError('refused', `version ${printable(hello.version, 40)} and version ${ownVersion} of meshmark do not work together: they may be one minor version apart; update the older one`)
  }

  if (hello.membership == null || judge.meshId == null) {
    return undefined
  }

  const membership = await openMembership(hello.membership, judge.meshId)

  if (membership.peerId !== peerId) {
    throw new MeshmarkError('refused', `the membership belongs to ${shortId(membership.peerId)}, not to ${shortId(peerId)} which shows it: every node needs its own (meshmark join TOKEN@HOST)`)
  }

  const meshTimeMs = judge.followsMasters && membership.roles.includes('master') ? hello.meshTimeMs : judge.meshTimeMs
  const objection = objectTo(membership, { ...judge, meshTimeMs }, hello.meshTimeMs)

  if (objection != null) {
    throw new MeshmarkError('refused', objection)
  }

  return membership
}

const REVOKED = 'was revoked'

/** Whether this is the objection of a mesh that has put out who asks. */
export function isAboutRevocation (reason: string): boolean {
  return reason.includes(REVOKED)
}

/** Why a membership counts no more, or undefined while it does. Both clocks are shown, because one of them may be wrong. */
export function objectTo (membership: Membership, judge: Pick<Judge, 'meshTimeMs' | 'isRevoked'>, theirClockMs: number): string | undefined {
  if (judge.isRevoked(membership.peerId)) {
    return `the membership of ${membership.name} (${shortId(membership.peerId)}) ${REVOKED}: ask for a new join token`
  }

  if (membership.expiresAt <= judge.meshTimeMs) {
    return `the membership of ${membership.name} expired at ${date(membership.expiresAt)}: the mesh's clock says ${date(judge.meshTimeMs)}, the clock of ${membership.name} says ${date(theirClockMs)}; set the clocks, or join again`
  }

  return undefined
}

/**
 * Why a peer may not open a protocol here, or undefined if it may.
 * `roles` are those that count now: none for a stranger.
 */
export function objectToOpening (protocol: Pick<Protocol<never, never>, 'id' | 'openers' | 'listeners'>, roles: ReadonlySet<Role>, ownRoles: ReadonlySet<Role>): string | undefined {
  const name = protocolName(protocol.id)

  if (!protocol.listeners.some(role => ownRoles.has(role))) {
    return `${name} is answered by a ${protocol.listeners.join(' or a ')}; this node is ${list(ownRoles, 'no member of a mesh')}`
  }

  if (protocol.openers.includes('stranger') || protocol.openers.some(role => role !== 'stranger' && roles.has(role))) {
    return undefined
  }

  return roles.size === 0
    ? `${name} needs a membership of this mesh, and you have none: join first (meshmark join TOKEN@HOST)`
    : `${name} is for a ${protocol.openers.join(' or a ')}; your membership is for ${list(roles, 'nothing')}`
}

/** `/meshmark/submit/1.0.0` -> `submit` */
export function protocolName (id: string): string {
  return id.split('/')[2] ?? id
}

function date (ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function list (roles: ReadonlySet<Role>, none: string): string {
  return roles.size === 0 ? none : `a ${[...roles].join(' and a ')}`
}
