import { MeshmarkError } from '../../model/errors.ts'
import { join } from '../../node/protocol/join/index.ts'
import { sealMembership } from '../../node/membership.ts'
import { createToken, formatToken, tokenHash } from '../../node/token.ts'
import { refuseToken, rolesOf, uniqueName } from './admission-rules.ts'
import type { TokenRecord } from './admission-rules.ts'
import type { Role } from '../../model/roles.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { TokenRow } from '../../node/protocol/admin/messages.ts'
import type { JoinReply, JoinRequest } from '../../node/protocol/join/messages.ts'
import type { Journal } from '../../store/journal.ts'
import type { PrivateKey } from '@libp2p/interface'

/** Renewed by the member well before; a revoked one that hears of nothing is out after this. */
export const MEMBERSHIP_MS = 24 * 60 * 60 * 1000

interface MemberRecord {
  peerId: string
  name: string
  roles: Role[]
  joinedAt: number
}

export interface AdmissionComponents {
  journal: Journal
  meshKey: PrivateKey
  meshId: string
  /** Of the master itself. */
  peerId: string
  log: (line: string) => void
}

/** Who may come in: tokens become memberships, memberships are renewed or revoked. */
export class Admission {
  readonly #components: AdmissionComponents
  readonly #tokens = new Map<string, TokenRecord>()
  readonly #members = new Map<string, MemberRecord>()
  readonly #revoked: Set<string>
  #node?: MeshNode

  /** `revoked` is shared with the node, which asks it at each stream. */
  constructor (components: AdmissionComponents, revoked: Set<string>) {
    this.#components = components
    this.#revoked = revoked
  }

  /** Reads the journal; nobody is admitted before `serve`. */
  async load (): Promise<void> {
    const { journal } = this.#components

    for await (const { value } of journal.iterate('token/')) {
      const record: TokenRecord = JSON.parse(Buffer.from(value).toString())
      this.#tokens.set(record.id, record)
    }

    for await (const { value } of journal.iterate('member/')) {
      const record: MemberRecord = JSON.parse(Buffer.from(value).toString())
      this.#members.set(record.peerId, record)
    }

    for await (const { key } of journal.iterate('revoked/')) {
      this.#revoked.add(key.slice('revoked/'.length))
    }
  }

  serve (node: MeshNode): void {
    this.#node = node
    node.handle(join, async (channel, peer) => {
      const message = await channel.receive()

      if (message != null) {
        await channel.send(await this.#answer(message, peer))
      }
    })
  }

  /** The text is returned this once; only its hash is kept. */
  async createToken (role: Role, options: { ttlMs: number, uses?: number, name?: string }): Promise<{ text: string, row: TokenRow }> {
    const token = createToken(this.#components.meshId, role)
    const now = Date.now()
    const record: TokenRecord = {
      id: token.id,
      role,
      hash: tokenHash(token.secret),
      name: options.name,
      createdAt: now,
      expiresAt: now + options.ttlMs,
      usesLeft: options.uses,
      revoked: false
    }

    await this.#save(record)

    return { text: formatToken(token), row: toRow(record) }
  }

  listTokens (): TokenRow[] {
    return [...this.#tokens.values()].sort((a, b) => a.createdAt - b.createdAt).map(toRow)
  }

  async revokeToken (id: string): Promise<void> {
    const record = this.#tokens.get(id)

    if (record == null) {
      throw new MeshmarkError('usage', `no token '${id}': see meshmark token ls`)
    }

    await this.#save({ ...record, revoked: true })
  }

  /** Forgets tokens that nobody can use any more, such as yesterday's local ones. */
  async forgetExpired (olderThanMs: number): Promise<void> {
    for (const record of this.#tokens.values()) {
      if (record.expiresAt < olderThanMs) {
        this.#tokens.delete(record.id)
        await this.#components.journal.del(`token/${record.id}`)
      }
    }
  }

  /** By name or peer id; returns its peer ids. Effective at once for everyone connected here. */
  async revokeMember (nameOrId: string): Promise<string[]> {
    const members = [...this.#members.values()].filter(member => member.name === nameOrId || member.peerId === nameOrId)

    if (members.length === 0) {
      throw new MeshmarkError('usage', `no member '${nameOrId}': see meshmark nodes`)
    }

    if (members.some(({ peerId }) => peerId === this.#components.peerId)) {
      throw new MeshmarkError('usage', `'${nameOrId}' is this master, which cannot put itself out: stop it instead`)
    }

    for (const { peerId } of members) {
      await this.#components.journal.put(`revoked/${peerId}`, new Uint8Array(0), { durable: true })
      this.#revoked.add(peerId)
      await this.#node?.expel(peerId, 'your membership was revoked')
    }

    return members.map(({ peerId }) => peerId)
  }

  nameOf (peerId: string): string | undefined {
    return this.#members.get(peerId)?.name
  }

  /** The master's own membership. */
  async admitSelf (name: string): Promise<Uint8Array> {
    return this.#admit(this.#components.peerId, ['master'], name)
  }

  async #answer (message: JoinRequest, peer: Peer): Promise<JoinReply> {
    if (this.#revoked.has(peer.id)) {
      return { kind: 'refused', reason: 'this node was revoked: remove its data directory to come back under another identity, with a new token' }
    }

    if (message.kind === 'renew') {
      return peer.stranger
        ? { kind: 'refused', reason: 'only a member can renew: join with a token' }
        : this.#joined(await this.#admit(peer.id, [...peer.roles], peer.name))
    }

    const hash = tokenHash(message.secret)
    const record = this.#tokens.get(message.tokenId)
    const refusal = refuseToken(record, hash, Date.now())

    if (record == null || refusal != null) {
      this.#components.log(`refused to admit ${peer.id.slice(-8)}: ${refusal}`)
      return { kind: 'refused', reason: refusal ?? 'this token is not known here' }
    }

    if (record.usesLeft != null) {
      // on disk before the membership is given: a crash must not make it usable twice
      await this.#save({ ...record, usesLeft: record.usesLeft - 1 })
    }

    const membership = await this.#admit(peer.id, rolesOf(record.role), message.name)
    this.#components.log(`admitted ${this.nameOf(peer.id)} as ${record.role}`)

    return this.#joined(membership)
  }

  #joined (membership: Uint8Array): JoinReply {
    return { kind: 'joined', membership, masters: this.#node?.addresses() ?? [] }
  }

  async #admit (peerId: string, roles: Role[], wanted: string): Promise<Uint8Array> {
    const now = Date.now()
    const known = this.#members.get(peerId)
    const taken = new Set([...this.#members.values()].filter(member => member.peerId !== peerId).map(member => member.name))
    const record: MemberRecord = { peerId, roles, name: known?.name ?? uniqueName(wanted, taken), joinedAt: known?.joinedAt ?? now }

    this.#members.set(peerId, record)
    await this.#components.journal.put(`member/${peerId}`, Buffer.from(JSON.stringify(record)), { durable: true })

    return sealMembership(this.#components.meshKey, { peerId, roles, name: record.name, issuedAt: now, expiresAt: now + MEMBERSHIP_MS })
  }

  async #save (record: TokenRecord): Promise<void> {
    this.#tokens.set(record.id, record)
    await this.#components.journal.put(`token/${record.id}`, Buffer.from(JSON.stringify(record)), { durable: true })
  }
}

function toRow ({ id, role, name, createdAt, expiresAt, usesLeft, revoked }: TokenRecord): TokenRow {
  return { id, role, name, createdAt, expiresAt, usesLeft, revoked }
}
