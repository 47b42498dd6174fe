import { sealMembership } from '../../node/membership.ts'
import { laterMember, MAX_MEMBERS, MEMBERSHIP_MS, membersNamed, nameOfMember, outlivedMembers, SEEN_AGAIN_MS } from './admission-rules.ts'
import { encodeFact, followFacts, keepRecord } from './fact-records.ts'
import type { MemberRecord } from './admission-rules.ts'
import type { Replica } from './replica/replica.ts'
import type { Role } from '../../model/roles.ts'
import type { PrivateKey } from '@libp2p/interface'

export interface MembersOptions {
  replica: Replica
  meshKey: PrivateKey
  /** Peer ids that were put out. */
  revoked: ReadonlySet<string>
  log: (line: string) => void
}

/** Who has a membership, under which name, as all masters of the mesh know it. */
export class Members {
  readonly #options: MembersOptions
  readonly #records = new Map<string, MemberRecord>()

  constructor (options: MembersOptions) {
    this.#options = options
  }

  /** Reads what is known, and follows it from then on. */
  async load (): Promise<void> {
    const { replica, log } = this.#options

    await followFacts(replica, 'member/', change => { keepRecord(this.#records, change, laterMember, log) })
  }

  /** A membership for this peer, sealed by the mesh; written down when it is new, or was not seen for long. */
  async admit (peerId: string, roles: Role[], wanted: string, owner?: string): Promise<Uint8Array> {
    const now = Date.now()
    const known = this.#records.get(peerId)
    const name = nameOfMember(this.#records.values(), peerId, wanted)

    if (known == null || known.name !== name || known.owner !== owner || roles.join() !== known.roles.join() || now - known.atMs >= SEEN_AGAIN_MS) {
      const record: MemberRecord = { peerId, roles, name, joinedAt: known?.joinedAt ?? now, ...(owner == null ? {} : { owner }), atMs: Math.max(now, (known?.atMs ?? 0) + 1) }

      // before anything is awaited: of two that come at once, the second finds the name taken
      this.#records.set(peerId, record)
      await this.#options.replica.write([{ key: `member/${peerId}`, value: encodeFact(record) }])
    }

    return sealMembership(this.#options.meshKey, { peerId, roles, name, issuedAt: now, expiresAt: now + MEMBERSHIP_MS })
  }

  /** Whose jobs those of this peer are: of a page that a client has opened, that client's. */
  principalOf (peerId: string): string {
    return this.ownerOf(peerId) ?? peerId
  }

  /** The client for which this member stands; undefined = it stands for itself. */
  ownerOf (peerId: string): string | undefined {
    return this.#records.get(peerId)?.owner
  }

  isRevoked (peerId: string): boolean {
    return this.#options.revoked.has(peerId)
  }

  /** Why there is no room for this peer; undefined = there is, or it is known already. */
  refuse (peerId: string): string | undefined {
    const { size } = this.#records

    return size >= MAX_MEMBERS && !this.#records.has(peerId)
      ? `this mesh knows ${size} members, and more are not admitted: revoke tokens that make too many (meshmark token ls)`
      : undefined
  }

  nameOf (peerId: string): string | undefined {
    return this.#records.get(peerId)?.name
  }

  /** By name or peer id, a master that was not put out. */
  isMaster (nameOrId: string): boolean {
    return this.named(nameOrId).some(({ roles }) => roles.includes('master'))
  }

  /** By name or peer id, those that were not put out. */
  named (nameOrId: string): MemberRecord[] {
    return membersNamed(this.#records.values(), nameOrId, this.#options.revoked)
  }

  /**
   * Members that could not come back without a token, and their names are free
   * again. Not before those that are there have had the time to renew what they
   * have: records of earlier versions do not say when that was last.
   */
  async forgetOutlived (nowMs: number): Promise<void> {
    const gone = outlivedMembers(this.#records.values(), nowMs)

    if (gone.length > 0) {
      await this.#options.replica.remove(gone.map(peerId => `member/${peerId}`))
      gone.forEach(peerId => this.#records.delete(peerId))
    }
  }
}
