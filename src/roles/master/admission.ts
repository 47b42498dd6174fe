import { MeshmarkError, toError } from '../../model/errors.ts'
import { join } from '../../node/protocol/join/index.ts'
import { openMembership, sealMembership } from '../../node/membership.ts'
import { createHttpToken, createToken, formatHttpToken, formatToken, parseToken, tokenHash } from '../../node/token.ts'
import { readLocalMeshes } from '../local.ts'
import { laterMember, laterToken, MAX_MEMBERS, MEMBERSHIP_MS, membersNamed, nameOfMember, outlivedMembers, refuseRenewal, refuseToken, rolesOf, SEEN_AGAIN_MS } from './admission-rules.ts'
import type { MasterRecord, MemberRecord, TokenRecord } from './admission-rules.ts'
import type { Change, FactRecord, Position, Replica } from './replica/replica.ts'
import type { Role } from '../../model/roles.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { HttpAccess, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { JoinReply, JoinRequest } from '../../node/protocol/join/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { PrivateKey } from '@libp2p/interface'

/** What a master that was put out says at its end. */
export const REMOVED = 'this master was removed from the mesh by an administrator'

const REVOKED = 'your membership was revoked'
const LOCAL = 'local/token/'

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

export interface NewToken {
  ttlMs: number
  uses?: number
  name?: string
  http?: HttpAccess
  /** See TokenRecord. */
  owner?: string
}

export interface Revocation {
  members: MemberRecord[]
  /** This master is among them: `answered` is to be called once the answer is given. */
  self: boolean
}

/** Who may come in: tokens become memberships, memberships are renewed or revoked. The masters of a mesh know all of it together. */
export class Admission {
  readonly #components: AdmissionComponents
  readonly #tokens = new Map<string, TokenRecord>()
  readonly #localTokens = new Map<string, TokenRecord>()
  readonly #members = new Map<string, MemberRecord>()
  readonly #revoked: Set<string>
  readonly #tokenListeners = new Set<(record: TokenRecord) => void>()
  readonly #removed = Promise.withResolvers<string>()
  /** It was asked to put itself out, and has not answered yet. */
  #answering = false
  #node?: MeshNode
  #fellows: Fellows = { replicated: async () => {}, addresses: () => this.#node?.addresses() ?? [], live: () => [] }

  /** `revoked` is shared with the node, which asks it at each stream. */
  constructor (components: AdmissionComponents, revoked: Set<string>) {
    this.#components = components
    this.#revoked = revoked
  }

  /** Resolves with the reason when the mesh has put this master out. */
  get removed (): Promise<string> {
    return this.#removed.promise
  }

  /** Reads what is known, and follows it from then on; nobody is admitted before `serve`. */
  async load (): Promise<void> {
    const { replica, journal } = this.#components

    replica.onChange(changes => { changes.forEach(change => { this.#take(change) }) })

    for (const prefix of ['token/', 'member/', 'revoked/']) {
      for await (const { key, value } of replica.iterate(prefix)) {
        this.#take({ key, value, elsewhere: false })
      }
    }

    for await (const { value } of journal.iterate(LOCAL)) {
      const record: TokenRecord = JSON.parse(Buffer.from(value).toString())
      this.#localTokens.set(record.id, record)
    }
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

  /** The text is returned this once; only its hash is kept. Good at every live master when it resolves. */
  async createToken (role: Role, options: NewToken): Promise<{ text: string, row: TokenRow }> {
    if (options.http != null && role !== 'client' && role !== 'admin') {
      throw new MeshmarkError('usage', `a token of the HTTP interface is for a client or an administrator, not for a ${role}`)
    }

    const { text, record } = this.#makeToken(role, options)

    await this.#fellows.replicated(await this.#save(record))

    return { text, row: toRow(record) }
  }

  /** One for processes of this user on this machine, which no other machine hears of. */
  async createLocalToken (role: Role, ttlMs: number): Promise<string> {
    const { text, record } = this.#makeToken(role, { ttlMs, name: 'this machine' })

    this.#localTokens.set(record.id, record)
    await this.#components.journal.put(LOCAL + record.id, encode(record), { durable: true })

    return text
  }

  listTokens (): TokenRow[] {
    return [...this.#tokens.values(), ...this.#localTokens.values()].sort((a, b) => a.createdAt - b.createdAt).map(toRow)
  }

  async revokeToken (id: string): Promise<void> {
    const local = this.#localTokens.get(id)
    const record = this.#tokens.get(id)

    if (local != null) {
      this.#localTokens.set(id, { ...local, revoked: true })
      await this.#components.journal.put(LOCAL + id, encode({ ...local, revoked: true }), { durable: true })
    } else if (record != null) {
      await this.#fellows.replicated(await this.#save({ ...record, revoked: true }))
    } else {
      throw new MeshmarkError('usage', `no token '${id}': see meshmark token ls`)
    }
  }

  /** Forgets tokens that nobody can use any more, such as yesterday's local ones. */
  async forgetExpired (olderThanMs: number): Promise<void> {
    const isOld = ({ expiresAt }: TokenRecord): boolean => expiresAt < olderThanMs
    const old = [...this.#tokens.values()].filter(isOld)

    await this.#components.replica.remove(old.map(({ id }) => `token/${id}`))
    old.forEach(({ id }) => { this.#tokens.delete(id) })

    for (const { id } of [...this.#localTokens.values()].filter(isOld)) {
      this.#localTokens.delete(id)
      await this.#components.journal.del(LOCAL + id)
    }
  }

  /**
   * Members that could not come back without a token, and their names are free
   * again. Not before those that are there have had the time to renew what they
   * have: records of earlier versions do not say when that was last.
   */
  async forgetOutlived (nowMs: number): Promise<void> {
    const gone = outlivedMembers(this.#members.values(), nowMs)

    if (gone.length > 0) {
      await this.#components.replica.remove(gone.map(peerId => `member/${peerId}`))
      gone.forEach(peerId => this.#members.delete(peerId))
    }
  }

  /**
   * By name or peer id. Effective at once for everyone connected here, and at
   * the other live masters when it resolves. A master is no longer one of them.
   */
  async revokeMember (nameOrId: string): Promise<Revocation> {
    const { replica, peerId: self } = this.#components
    const members = membersNamed(this.#members.values(), nameOrId, this.#revoked)

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

    const position = await replica.write(records)

    members.forEach(({ peerId }) => { this.#revoked.add(peerId) })
    await this.#revokeTokensOf(members)
    // a removed master hears of it in this way; whoever is expelled first would have to guess
    await this.#fellows.replicated(position)
    await Promise.all(members.filter(({ peerId }) => peerId !== self).map(async ({ peerId }) => this.#node?.expel(peerId, REVOKED)))

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

  /** Of the HTTP interface too; a join token that no other machine hears of is none. */
  token (id: string): TokenRecord | undefined {
    return this.#tokens.get(id)
  }

  /** Called with each token that was made, used or revoked, by whichever master. */
  onToken (listener: (record: TokenRecord) => void): void {
    this.#tokenListeners.add(listener)
  }

  /** A membership without a join: for whoever has shown a token of the HTTP interface. */
  async admitBearer (peerId: string, { role, name, id, owner }: TokenRecord): Promise<Uint8Array> {
    return this.#admit(peerId, rolesOf(role), `http-${name ?? id}`, owner)
  }

  /** Whose jobs those of this peer are: of a page that a client has opened, that client's. */
  principalOf (peerId: string): string {
    return this.#members.get(peerId)?.owner ?? peerId
  }

  isRevoked (peerId: string): boolean {
    return this.#revoked.has(peerId)
  }

  nameOf (peerId: string): string | undefined {
    return this.#members.get(peerId)?.name
  }

  /** By name or peer id, a master that was not put out. */
  isMaster (nameOrId: string): boolean {
    return membersNamed(this.#members.values(), nameOrId, this.#revoked).some(({ roles }) => roles.includes('master'))
  }

  /** The master's own membership. */
  async admitSelf (name: string): Promise<Uint8Array> {
    return this.#admit(this.#components.peerId, ['master'], name)
  }

  #makeToken (role: Role, { ttlMs, uses, name, http, owner }: NewToken): { text: string, record: TokenRecord } {
    const { text, id, secret } = http == null ? joinToken(this.#components.meshId, role) : httpToken()
    const now = Date.now()

    return {
      text,
      record: { id, role, hash: tokenHash(secret), name, createdAt: now, expiresAt: now + ttlMs, usesLeft: uses, revoked: false, http, ...(owner == null ? {} : { owner }) }
    }
  }

  /** What this or another master has written. */
  #take ({ key, value, elsewhere }: Change): void {
    if (key.startsWith('token/')) {
      this.#keep(this.#tokens, key, value, laterToken)
      this.#tellToken(key.slice('token/'.length))
    } else if (key.startsWith('member/')) {
      this.#keep(this.#members, key, value, laterMember)
    } else if (key.startsWith('revoked/')) {
      const peerId = key.slice('revoked/'.length)

      this.#revoked.add(peerId)

      if (elsewhere) {
        this.#onRevokedElsewhere(peerId)
      }
    }
  }

  /** What is in memory may be ahead of what has just been written. */
  #keep<T> (records: Map<string, T>, key: string, value: Uint8Array, later: (known: T | undefined, stored: T) => T): void {
    const id = key.slice(key.indexOf('/') + 1)

    try {
      records.set(id, later(records.get(id), JSON.parse(Buffer.from(value).toString())))
    } catch (err) {
      this.#components.log(`${key} cannot be read: ${toError(err).message}`)
    }
  }

  #onRevokedElsewhere (peerId: string): void {
    if (peerId === this.#components.peerId) {
      this.leave(REMOVED)
    } else {
      this.#node?.expel(peerId, REVOKED).catch(err => { this.#components.log(`expelling ${peerId.slice(-8)}: ${toError(err).message}`) })
    }
  }

  /** What a client was given for a browser is gone with it. */
  async #revokeTokensOf (members: readonly MemberRecord[]): Promise<void> {
    for (const record of this.#tokens.values()) {
      if (!record.revoked && members.some(({ peerId }) => peerId === record.owner)) {
        await this.#save({ ...record, revoked: true })
      }
    }
  }

  async #removedMaster (peerId: string, name: string): Promise<FactRecord> {
    const key = `master/${peerId}`
    const known = await this.#components.replica.get(key)
    const record: MasterRecord = known == null ? { name, addresses: [], atMs: 0 } : JSON.parse(Buffer.from(known).toString())

    // its own clock may be ahead of ours
    return { key, value: encode({ ...record, removed: true, atMs: Math.max(Date.now(), record.atMs + 1) }) }
  }

  async #answer (message: JoinRequest, peer: Peer): Promise<JoinReply> {
    if (this.#revoked.has(peer.id)) {
      return { kind: 'refused', reason: 'this node was revoked: remove its data directory to come back under another identity, with a new token' }
    }

    if (message.kind === 'renew') {
      return peer.stranger ? this.#renew(message.membership, peer) : this.#joined(await this.#admit(peer.id, [...peer.roles], peer.name, this.#members.get(peer.id)?.owner))
    }

    const hash = tokenHash(message.secret)
    const record = this.#tokens.get(message.tokenId) ?? this.#localTokens.get(message.tokenId) ?? await this.#tokenOfThisMachine(message.tokenId)
    const refusal = refuseToken(record, hash, Date.now())

    if (record == null || refusal != null) {
      this.#components.log(`refused to admit ${peer.id.slice(-8)}: ${refusal}`)
      return { kind: 'refused', reason: refusal ?? 'this token is not known here' }
    }

    if (this.#members.size >= MAX_MEMBERS && !this.#members.has(peer.id)) {
      return { kind: 'refused', reason: `this mesh knows ${this.#members.size} members, and more are not admitted: revoke tokens that make too many (meshmark token ls)` }
    }

    if (record.usesLeft != null) {
      // on disk, and at the live masters, before the membership is given: neither a crash nor another master must make it usable twice
      await this.#fellows.replicated(await this.#save({ ...record, usesLeft: record.usesLeft - 1 }))
    }

    const membership = await this.#admit(peer.id, rolesOf(record.role), message.name)
    this.#components.log(`admitted ${this.nameOf(peer.id)} as ${record.role}`)

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

    return this.#joined(await this.#admit(peer.id, membership.roles, membership.name, this.#members.get(peer.id)?.owner))
  }

  #joined (membership: Uint8Array): JoinReply {
    return { kind: 'joined', membership, masters: this.#fellows.addresses() }
  }

  /** Tokens that another master of the mesh has left for this user's processes: whoever has them can read our own as well. */
  async #tokenOfThisMachine (id: string): Promise<TokenRecord | undefined> {
    const now = Date.now()

    for (const { meshId, masters } of await readLocalMeshes()) {
      for (const text of meshId === this.#components.meshId ? masters.flatMap(({ tokens }) => Object.values(tokens)) : []) {
        const token = parseToken(text)

        if (token.id === id) {
          return { id, role: token.role, hash: tokenHash(token.secret), createdAt: now, expiresAt: now + 60_000, revoked: false }
        }
      }
    }

    return undefined
  }

  async #admit (peerId: string, roles: Role[], wanted: string, owner?: string): Promise<Uint8Array> {
    const now = Date.now()
    const known = this.#members.get(peerId)
    const name = nameOfMember(this.#members.values(), peerId, wanted)

    if (known == null || known.name !== name || known.owner !== owner || roles.join() !== known.roles.join() || now - known.atMs >= SEEN_AGAIN_MS) {
      const record: MemberRecord = { peerId, roles, name, joinedAt: known?.joinedAt ?? now, ...(owner == null ? {} : { owner }), atMs: Math.max(now, (known?.atMs ?? 0) + 1) }

      // before anything is awaited: of two that come at once, the second finds the name taken
      this.#members.set(peerId, record)
      await this.#components.replica.write([{ key: `member/${peerId}`, value: encode(record) }])
    }

    return sealMembership(this.#components.meshKey, { peerId, roles, name, issuedAt: now, expiresAt: now + MEMBERSHIP_MS })
  }

  #tellToken (id: string): void {
    const record = this.#tokens.get(id)

    if (record != null) {
      this.#tokenListeners.forEach(listener => { listener(record) })
    }
  }

  async #save (record: TokenRecord): Promise<Position> {
    this.#tokens.set(record.id, record)
    this.#tellToken(record.id)

    return this.#components.replica.write([{ key: `token/${record.id}`, value: encode(record) }])
  }
}

function joinToken (meshId: string, role: Role): { text: string, id: string, secret: Uint8Array } {
  const token = createToken(meshId, role)

  return { ...token, text: formatToken(token) }
}

function httpToken (): { text: string, id: string, secret: Uint8Array } {
  const token = createHttpToken()

  return { ...token, text: formatHttpToken(token) }
}

function encode (record: object): Uint8Array {
  return Buffer.from(JSON.stringify(record))
}

function toRow ({ id, role, name, createdAt, expiresAt, usesLeft, revoked, http }: TokenRecord): TokenRow {
  return { id, role, name, createdAt, expiresAt, usesLeft, revoked, http }
}
