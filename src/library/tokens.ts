import { parseDuration } from '../model/units.ts'
import { textOf } from './values.ts'
import type { SignalOptions } from './job.ts'
import type { Duration } from './options.ts'
import type { Role } from '../model/roles.ts'
import type { HttpAccess, TokenRow } from '../node/protocol/admin/messages.ts'
import type { Client } from '../roles/client/types.ts'

const HOUR_MS = 3_600_000

export interface TokenOptions extends SignalOptions {
  /** How long it is good for. @default 24h, of a master 1h */
  ttl?: Duration
  /** How often. @default any number of times, of a master once */
  uses?: number
  /** For the list. */
  name?: string
  /** Not to join with, but for the HTTP interface: with all that the role may, or to read only. Then it is good for 30 days. */
  http?: HttpAccess
}

/** As `meshmark token`. */
export class Tokens {
  readonly #admin: () => Promise<Client>

  /** @internal */
  constructor (admin: () => Promise<Client>) {
    this.#admin = admin
  }

  /** The text is told this once; masters keep a hash of it. */
  async create (role: Role, { ttl, uses = role === 'master' ? 1 : undefined, name, http, signal }: TokenOptions = {}): Promise<{ text: string, row: TokenRow, addresses: string[] }> {
    const ttlMs = ttl == null ? role === 'master' ? HOUR_MS : (http == null ? 1 : 30) * 24 * HOUR_MS : Math.round(parseDuration(textOf(ttl, '--ttl'), '--ttl'))
    const { text, row, addresses } = await (await this.#admin()).createToken(role, { ttlMs, uses, name, http, signal })

    return { text, row, addresses }
  }

  async list ({ signal }: SignalOptions = {}): Promise<TokenRow[]> {
    return (await this.#admin()).listTokens({ signal })
  }

  /** By the id that the list shows: it admits nobody from now on. */
  async revoke (id: string, { signal }: SignalOptions = {}): Promise<string> {
    return (await this.#admin()).revokeToken(id, { signal })
  }

  /** Puts a node out, by name or peer id. */
  async revokeMember (node: string, { signal }: SignalOptions = {}): Promise<string> {
    return (await this.#admin()).revokeMember(node, { signal })
  }
}
