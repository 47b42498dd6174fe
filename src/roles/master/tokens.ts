import { MeshmarkError } from '../../model/errors.ts'
import { createHttpToken, createToken, formatHttpToken, formatToken, parseToken, tokenHash } from '../../node/token.ts'
import { readLocalMeshes } from '../local.ts'
import { laterToken } from './admission-rules.ts'
import { encodeFact, followFacts, keepRecord } from './fact-records.ts'
import type { MemberRecord, TokenRecord } from './admission-rules.ts'
import type { Position, Replica } from './replica/replica.ts'
import type { Role } from '../../model/roles.ts'
import type { HttpAccess, TokenRow } from '../../node/protocol/admin/messages.ts'
import type { Journal } from '../../store/journal.ts'

const LOCAL = 'local/token/'

export interface NewToken {
  ttlMs: number
  uses?: number
  name?: string
  http?: HttpAccess
  /** See TokenRecord. */
  owner?: string
}

export interface TokensOptions {
  replica: Replica
  /** For what concerns this master alone: the tokens of local processes. */
  journal: Journal
  meshId: string
  /** Resolves when the live masters have it on disk, or have had their chance. */
  replicated: (position: Position) => Promise<unknown>
  log: (line: string) => void
}

/** What earns a membership, or speaks to the HTTP interface: made, used and revoked by any master of the mesh. */
export class Tokens {
  readonly #options: TokensOptions
  readonly #records = new Map<string, TokenRecord>()
  readonly #local = new Map<string, TokenRecord>()
  readonly #listeners = new Set<(record: TokenRecord) => void>()

  constructor (options: TokensOptions) {
    this.#options = options
  }

  /** Reads what is known, and follows it from then on. */
  async load (): Promise<void> {
    const { replica, journal, log } = this.#options

    await followFacts(replica, 'token/', change => {
      keepRecord(this.#records, change, laterToken, log)
      this.#tell(change.key.slice('token/'.length))
    })

    for await (const { value } of journal.iterate(LOCAL)) {
      const record: TokenRecord = JSON.parse(Buffer.from(value).toString())
      this.#local.set(record.id, record)
    }
  }

  /** The text is returned this once; only its hash is kept. Good at every live master when it resolves. */
  async create (role: Role, options: NewToken): Promise<{ text: string, row: TokenRow }> {
    if (options.http != null && role !== 'client' && role !== 'admin') {
      throw new MeshmarkError('usage', `a token of the HTTP interface is for a client or an administrator, not for a ${role}`)
    }

    const { text, record } = this.#make(role, options)

    await this.#options.replicated(await this.#save(record))

    return { text, row: toRow(record) }
  }

  /** One for processes of this user on this machine, which no other machine hears of. */
  async createLocal (role: Role, ttlMs: number): Promise<string> {
    const { text, record } = this.#make(role, { ttlMs, name: 'this machine' })

    this.#local.set(record.id, record)
    await this.#options.journal.put(LOCAL + record.id, encodeFact(record), { durable: true })

    return text
  }

  list (): TokenRow[] {
    return [...this.#records.values(), ...this.#local.values()].sort((a, b) => a.createdAt - b.createdAt).map(toRow)
  }

  async revoke (id: string): Promise<void> {
    const local = this.#local.get(id)
    const record = this.#records.get(id)

    if (local != null) {
      this.#local.set(id, { ...local, revoked: true })
      await this.#options.journal.put(LOCAL + id, encodeFact({ ...local, revoked: true }), { durable: true })
    } else if (record != null) {
      await this.#options.replicated(await this.#save({ ...record, revoked: true }))
    } else {
      throw new MeshmarkError('usage', `no token '${id}': see meshmark token ls`)
    }
  }

  /** Forgets tokens that nobody can use any more, such as yesterday's local ones. */
  async forgetExpired (olderThanMs: number): Promise<void> {
    const isOld = ({ expiresAt }: TokenRecord): boolean => expiresAt < olderThanMs
    const old = [...this.#records.values()].filter(isOld)

    await this.#options.replica.remove(old.map(({ id }) => `token/${id}`))
    old.forEach(({ id }) => { this.#records.delete(id) })

    for (const { id } of [...this.#local.values()].filter(isOld)) {
      this.#local.delete(id)
      await this.#options.journal.del(LOCAL + id)
    }
  }

  /** Of the HTTP interface too; a join token that no other machine hears of is none. */
  get (id: string): TokenRecord | undefined {
    return this.#records.get(id)
  }

  /** Called with each token that was made, used or revoked, by whichever master. */
  onChange (listener: (record: TokenRecord) => void): void {
    this.#listeners.add(listener)
  }

  /** Of this mesh or of this very machine, to join with. */
  known (id: string): TokenRecord | undefined {
    return this.#records.get(id) ?? this.#local.get(id)
  }

  /** Tokens that another master of the mesh has left for this user's processes: whoever has them can read our own as well. */
  async ofThisMachine (id: string): Promise<TokenRecord | undefined> {
    const now = Date.now()

    for (const { meshId, masters } of await readLocalMeshes()) {
      for (const text of meshId === this.#options.meshId ? masters.flatMap(({ tokens }) => Object.values(tokens)) : []) {
        const token = parseToken(text)

        if (token.id === id) {
          return { id, role: token.role, hash: tokenHash(token.secret), createdAt: now, expiresAt: now + 60_000, revoked: false }
        }
      }
    }

    return undefined
  }

  /** One use less, where they are counted: at once here, and at every live master when it resolves. */
  async spend (record: TokenRecord): Promise<void> {
    if (record.usesLeft != null) {
      await this.#options.replicated(await this.#save({ ...record, usesLeft: record.usesLeft - 1 }))
    }
  }

  /** What a client was given for a browser is gone with it. */
  async revokeOf (members: readonly MemberRecord[]): Promise<void> {
    for (const record of this.#records.values()) {
      if (!record.revoked && members.some(({ peerId }) => peerId === record.owner)) {
        await this.#save({ ...record, revoked: true })
      }
    }
  }

  #make (role: Role, { ttlMs, uses, name, http, owner }: NewToken): { text: string, record: TokenRecord } {
    const { text, id, secret } = http == null ? joinToken(this.#options.meshId, role) : httpToken()
    const now = Date.now()

    return {
      text,
      record: { id, role, hash: tokenHash(secret), name, createdAt: now, expiresAt: now + ttlMs, usesLeft: uses, revoked: false, http, ...(owner == null ? {} : { owner }) }
    }
  }

  #tell (id: string): void {
    const record = this.#records.get(id)

    if (record != null) {
      this.#listeners.forEach(listener => { listener(record) })
    }
  }

  async #save (record: TokenRecord): Promise<Position> {
    this.#records.set(record.id, record)
    this.#tell(record.id)

    return this.#options.replica.write([{ key: `token/${record.id}`, value: encodeFact(record) }])
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

function toRow ({ id, role, name, createdAt, expiresAt, usesLeft, revoked, http }: TokenRecord): TokenRow {
  return { id, role, name, createdAt, expiresAt, usesLeft, revoked, http }
}
