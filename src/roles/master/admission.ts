import { MeshmarkError, toError } from '../../model/errors.ts'
import { join } from '../../node/protocol/join/index.ts'
import { openMembership } from '../../node/membership.ts'
import { tokenHash } from '../../node/token.ts'
import { refuseRenewal, refuseToken, rolesOf } from './admission-rules.ts'
import { encodeFact, followFacts } from './fact-records.ts'
import { Members } from './members.ts'
import { Tokens } from './tokens.ts'
import type { MasterRecord, MemberRecord, TokenRecord } from './admission-rules.ts'
import type { FactRecord, Position, Replica } from './replica/replica.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { JoinReply, JoinRequest } from '../../node/protocol/join/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { PrivateKey } from '@libp2p/interface'

/** What a master that was put out says at its end. */
export const REMOVED = 'this master was removed from the mesh by an administrator'

const REVOKED = 'your membership was revoked'

export interface AdmissionComponents {
  replica: Replica
  /** For what concerns this master alone: the tokens of local processes. */
  journal: Journal
  meshKey: PrivateKey
  meshId: string
  /** Of the master itself. */
  peerId: string
  log: (line: string) => void
}

/** What an admission needs to know of the other masters. */
export interface Fellows {
  /** Resolves when the live masters have it on disk, or have had their chance. */
  replicated: (position: Position) => Promise<unknown>
  /** Multiaddrs of all known masters, our own first. */
  addresses: () => string[]
  /** Peer ids of other masters that live. */
  live: () => string[]
}

export interface Revocation {
  members: MemberRecord[]
  /** This master is among them: `answered` is to be called once the answer is given. */
  self: boolean
}

/** Who may come in: tokens become memberships, memberships are renewed or revoked. The masters of a mesh know all of it together. */
export class Admission {
  readonly tokens: Tokens
  readonly members: Members
  readonly #components: AdmissionComponents
  readonly #revoked: Set<string>
  readonly #removed = Promise.withResolvers<string>()
  /** It was asked to put itself out, and has not answered yet. */
  #answering = false
  #node?: MeshNode
  #fellows: Fellows = { replicated: async () => {}, addresses: () => this.#node?.addresses() ?? [], live: () => [] }

  /** `revoked` is shared with the node, which asks it at each stream. */
  constructor (components: AdmissionComponents, revoked: Set<string>) {
    const { replica, journal, meshKey, meshId, log } = components

    this.#components = components
    this.#revoked = revoked
    this.tokens = new Tokens({ replica, journal, meshId, replicated: async position => this.#fellows.replicated(position), log })
    this.members = new Members({ replica, meshKey, revoked, log })
  }

  /** Resolves with the reason when the mesh has put this master out. */
  get removed (): Promise<string> {
    return this.#removed.promise
  }

  /** Reads what is known, and follows it from then on; nobody is admitted before `serve`. */
  async load (): Promise<void> {
    await this.tokens.load()
    await this.members.load()
    await followFacts(this.#components.replica, 'revoked/', ({ key, elsewhere }) => {
      const peerId = key.slice('revoked/'.length)

      this.#revoked.add(peerId)

      if (elsewhere) {
        this.#onRevokedElsewhere(peerId)
      }
    })
  }

  serve (node: MeshNode, fellows?: Fellows): void {
    this.#node = node
    this.#fellows = fellows ?? this.#fellows
    node.handle(join, async (channel, peer) => {
      const message = await channel.receive()

      if (message != null) {
        await channel.send(await this.#answer(message, peer))
      }
    })
  }

  /**
   * By name or peer id. Effective at once for everyone connected here, and at
   * the other live masters when it resolves. A master is no longer one of them.
   */
  async revokeMember (nameOrId: string): Promise<Revocation> {
    const { peerId: self } = this.#components
    const members = this.members.named(nameOrId)

    if (members.length === 0) {
      throw new MeshmarkError('usage', `no member '${nameOrId}': see meshmark nodes`)
    }

    const own = members.some(({ peerId }) => peerId === self)

    if (own && this.#fellows.live().every(peerId => members.some(member => member.peerId === peerId))) {
      throw new MeshmarkError('usage', `'${nameOrId}' is the only master at hand, which cannot put itself out: stop it instead`)
    }

    const records: FactRecord[] = []

    for (const { peerId, roles } of members) {
      records.push({ key: `revoked/${peerId}`, value: new Uint8Array(0) })

      if (roles.includes('master')) {
        records.push(await this.#removedMaster(peerId, nameOrId))
      }
    }

    this.#answering ||= own

    try {
      await this.#putOut(members, records)
    } catch (err) {
      // no answer will be given that says it
      this.#answering &&= !own

      if (this.#revoked.has(self)) {
        this.leave(REMOVED)
      }

      throw err
    }

    return { members, self: own }
  }

  /** This master was put out: it ends, once whoever asked for it knows. */
  leave (reason: string): void {
    if (!this.#answering) {
      this.#removed.resolve(reason)
    }
  }

  /** The answer to whoever had this master put itself out is given, or cannot be. */
  answered (): void {
    this.#answering = false
    this.leave(REMOVED)
  }

  /** A membership without a join: for whoever has shown a token of the HTTP interface. */
  async admitBearer (peerId: string, { role, name, id, owner }: TokenRecord): Promise<Uint8Array> {
    return this.members.admit(peerId, rolesOf(role), `http-${name ?? id}`, owner)
  }

  /** The master's own membership. */
  async admitSelf (name: string): Promise<Uint8Array> {
    return this.members.admit(this.#components.peerId, ['master'], name)
  }

  async #putOut (members: readonly MemberRecord[], records: FactRecord[]): Promise<void> {
    const { replica, peerId: self } = this.#components
    const position = await replica.write(records)

    members.forEach(({ peerId }) => { this.#revoked.add(peerId) })
    await this.tokens.revokeOf(members)
    // a removed master hears of it in this way; whoever is expelled first would have to guess
    await this.#fellows.replicated(position)
    await Promise.all(members.filter(({ peerId }) => peerId !== self).map(async ({ peerId }) => this.#node?.expel(peerId, REVOKED)))
  }

  #onRevokedElsewhere (peerId: string): void {
    if (peerId === this.#components.peerId) {
      this.leave(REMOVED)
    } else {
      this.#node?.expel(peerId, REVOKED).catch(err => { this.#components.log(`expelling ${peerId.slice(-8)}: ${toError(err).message}`) })
    }
  }

  async #removedMaster (peerId: string, name: string): Promise<FactRecord> {
    const key = `master/${peerId}`
    const known = await this.#components.replica.get(key)
    const record: MasterRecord = known == null ? { name, addresses: [], atMs: 0 } : JSON.parse(Buffer.from(known).toString())

    // its own clock may be ahead of ours
    return { key, value: encodeFact({ ...record, removed: true, atMs: Math.max(Date.now(), record.atMs + 1) }) }
  }

  async #answer (message: JoinRequest, peer: Peer): Promise<JoinReply> {
    if (this.#revoked.has(peer.id)) {
      return { kind: 'refused', reason: 'this node was revoked: remove its data directory to come back under another identity, with a new token' }
    }

    if (message.kind === 'renew') {
      return peer.stranger ? this.#renew(message.membership, peer) : this.#joined(await this.members.admit(peer.id, [...peer.roles], peer.name, this.members.ownerOf(peer.id)))
    }

    const hash = tokenHash(message.secret)
    // what is known is spent below before anything is awaited: of several that come at once with the last use, one is admitted
    const record = this.tokens.known(message.tokenId) ?? await this.tokens.ofThisMachine(message.tokenId)
    const refusal = refuseToken(record, hash, Date.now())

    if (record == null || refusal != null) {
      this.#components.log(`refused to admit ${peer.id.slice(-8)}: ${refusal}`)
      return { kind: 'refused', reason: refusal ?? 'this token is not known here' }
    }

    const crowd = this.members.refuse(peer.id)

    if (crowd != null) {
      return { kind: 'refused', reason: crowd }
    }

    // on disk, and at the live masters, before the membership is given: neither a crash nor another master must make it usable twice
    await this.tokens.spend(record)

    const membership = await this.members.admit(peer.id, rolesOf(record.role), message.name)
    this.#components.log(`admitted ${this.members.nameOf(peer.id)} as ${record.role}`)

    return this.#joined(membership)
  }

  /** Of somebody who was away when its membership ran out. */
  async #renew (shown: Uint8Array | undefined, peer: Peer): Promise<JoinReply> {
    if (shown == null) {
      return { kind: 'refused', reason: 'only a member can renew: join with a token' }
    }

    const membership = await openMembership(shown, this.#components.meshId)
    const refusal = refuseRenewal(membership, peer.id, Date.now())

    if (refusal != null) {
      return { kind: 'refused', reason: refusal }
    }

    this.#components.log(`renewed the membership of ${membership.name}, which expired at ${new Date(membership.expiresAt).toISOString()}`)

    return this.#joined(await this.members.admit(peer.id, membership.roles, membership.name, this.members.ownerOf(peer.id)))
  }

  #joined (membership: Uint8Array): JoinReply {
    return { kind: 'joined', membership, masters: this.#fellows.addresses() }
  }
}
