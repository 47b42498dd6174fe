import { timingSafeEqual } from 'node:crypto'
import type { Membership } from '../../model/membership.ts'
import type { Role } from '../../model/roles.ts'
import type { HttpAccess } from '../../node/protocol/admin/messages.ts'

/** A join token as the master keeps it: never the secret, only its hash. */
export interface TokenRecord {
  id: string
  role: Role
  /** SHA-256 of the secret, hex. */
  hash: string
  name?: string
  createdAt: number
  expiresAt: number
  /** Absent = any number of times. */
  usesLeft?: number
  revoked: boolean
  /** Not to join with, but to speak to the HTTP interface: with all that the role may, or to look only. */
  http?: HttpAccess
  /** Peer id of the client that asked for it: what is done with it is that client's. */
  owner?: string
}

/** A member, as all masters of the mesh keep it. */
export interface MemberRecord {
  peerId: string
  name: string
  roles: Role[]
  joinedAt: number
  /** Peer id of the client for which this one stands, as the pages do that it opens. */
  owner?: string
  /** Of this record: the latest one counts. */
  atMs: number
}

/** A master, as all masters of the mesh keep it. */
export interface MasterRecord {
  name: string
  addresses: string[]
  /** Of this record: the latest one counts. */
  atMs: number
  removed?: boolean
}

/** Why the token earns nothing, in one line; undefined = it does. */
export function refuseToken (record: TokenRecord | undefined, hash: string, nowMs: number, http = false): string | undefined {
  // one answer for an unknown id and for a wrong secret: nothing is learned by trying
  if (record == null || !equalHex(record.hash, hash)) {
    return 'this token is not known here: ask for a new one (meshmark token create)'
  }

  if ((record.http != null) !== http) {
    return `token ${record.id} is ${http ? 'to join with, not for' : 'for'} the HTTP interface: make ${http ? 'one with meshmark token create client --http' : 'a join token with meshmark token create'}`
  }

  if (record.revoked) {
    return `token ${record.id} was revoked: ask for a new one (meshmark token create)`
  }

  if (record.expiresAt <= nowMs) {
    return `token ${record.id} expired at ${new Date(record.expiresAt).toISOString()}, and here it is ${new Date(nowMs).toISOString()}: ask for a new one (meshmark token create)`
  }

  if (record.usesLeft != null && record.usesLeft <= 0) {
    return `token ${record.id} is used up: ask for a new one (meshmark token create)`
  }
}

/** Of two versions of one token: what was used or revoked once stays so. */
export function laterToken (known: TokenRecord | undefined, stored: TokenRecord): TokenRecord {
  const uses = [known?.usesLeft, stored.usesLeft].filter(uses => uses != null)

  return { ...stored, ...(uses.length === 0 ? {} : { usesLeft: Math.min(...uses) }), revoked: stored.revoked || known?.revoked === true }
}

/** Of two versions of one member; the first version of the format had no time. */
export function laterMember (known: MemberRecord | undefined, stored: MemberRecord): MemberRecord {
  const atMs = stored.atMs ?? stored.joinedAt

  return known != null && known.atMs > atMs ? known : { ...stored, atMs }
}

/** Machines are switched off for longer than a membership lives; whoever was away for so long has to be invited again. */
export const RENEWABLE_MS = 90 * 24 * 60 * 60 * 1000

/**
 * Why a membership of this mesh, opened and not revoked, earns no next one for
 * the peer that shows it as a stranger; undefined = it does. Expiry is what ends
 * a membership whose revocation some master has not heard of, and such a master
 * would have renewed it before its end as well: nothing is given away. Those who
 * steer the mesh are not let in by what may lie about on an old disk.
 */
export function refuseRenewal ({ peerId, roles, expiresAt }: Pick<Membership, 'peerId' | 'roles' | 'expiresAt'>, shownBy: string, nowMs: number): string | undefined {
  if (peerId !== shownBy) {
    return 'this membership is another node\'s'
  }

  if (roles.length === 0 || roles.some(role => role !== 'worker' && role !== 'client')) {
    return `a membership as ${roles.join(' and ')} is not renewed once it has expired: join with a new token`
  }

  if (nowMs - expiresAt > RENEWABLE_MS) {
    return `this membership expired at ${new Date(expiresAt).toISOString()}, too long ago to be renewed: join with a new token`
  }
}

/** Renewed by the member well before; a revoked one that hears of nothing is out after this. */
export const MEMBERSHIP_MS = 24 * 60 * 60 * 1000

/** The record of a member that renews its membership is written again after this, and says by it that the member is still there. */
export const SEEN_AGAIN_MS = 7 * 24 * 60 * 60 * 1000

/** Of one with an older record no membership can be renewed any more: it has to be invited again, and is another one then. */
export const FORGOTTEN_MS = SEEN_AGAIN_MS + MEMBERSHIP_MS + RENEWABLE_MS

/** Some 300 bytes each, at every master. */
export const MAX_MEMBERS = 50_000

/** Peer ids of members that have been away for so long that nothing is left of their memberships. Masters stay. */
export function outlivedMembers (members: Iterable<MemberRecord>, nowMs: number): string[] {
  return [...members].filter(({ roles, atMs }) => !roles.includes('master') && nowMs - atMs > FORGOTTEN_MS).map(({ peerId }) => peerId)
}

/** What a token of this role lets its bearer be. */
export function rolesOf (role: Role): Role[] {
  return role === 'admin' ? ['admin', 'client'] : [role]
}

/** What `--on` takes for something else than a name. */
const NOT_A_NAME = /^(all|any|\d+)$/

/** `wanted`, or with -2, -3, … when another member has it. */
export function uniqueName (wanted: string, taken: ReadonlySet<string>): string {
  const safe = wanted.toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 48) || 'node'
  const base = NOT_A_NAME.test(safe) ? `node-${safe}` : safe

  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`

    if (!taken.has(name)) {
      return name
    }
  }
}

/**
 * The name of a member: its own again, unless another has it by an older right.
 * That happens when masters that did not hear each other admitted both.
 */
export function nameOfMember (members: Iterable<MemberRecord>, peerId: string, wanted: string): string {
  const others = new Set<string>()
  const namesakes: MemberRecord[] = []
  let known: MemberRecord | undefined

  // once for each that comes, and a fleet comes at one moment
  for (const member of members) {
    if (member.peerId === peerId) {
      known = member
    } else {
      others.add(member.name)
      namesakes.push(member)
    }
  }

  return known != null && !(others.has(known.name) && namesakes.some(other => other.name === known!.name && isOlder(other, known!)))
    ? known.name
    : uniqueName(known?.name ?? wanted, others)
}

/** Members that a name or a peer id means; of those that were put out earlier, none. */
export function membersNamed (members: Iterable<MemberRecord>, nameOrId: string, revoked: ReadonlySet<string>): MemberRecord[] {
  return [...members].filter(({ peerId, name }) => (name === nameOrId || peerId === nameOrId) && !revoked.has(peerId))
}

function isOlder (a: MemberRecord, b: MemberRecord): boolean {
  return a.joinedAt !== b.joinedAt ? a.joinedAt < b.joinedAt : a.peerId < b.peerId
}

function equalHex (a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
