import { hkdfSync } from 'node:crypto'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { meshIdOf } from '../../node/membership.ts'
import { parseHttpToken, tokenHash } from '../../node/token.ts'
import { connectAs } from '../client/connect.ts'
import { refuseToken } from './admission-rules.ts'
import type { Admission } from './admission.ts'
import type { TokenRecord } from './admission-rules.ts'
import type { HttpAccess } from '../../node/protocol/admin/messages.ts'
import type { Client } from '../client/types.ts'
import type { PrivateKey } from '@libp2p/interface'

/** Whoever shows a token at the HTTP interface: a client, or an administrator, of its own. */
export interface Bearer {
  /** Of the token. */
  id: string
  role: 'client' | 'admin'
  access: HttpAccess
  name?: string
  /** Whoever several tokens stand for, one after the other; absent = it stands for itself. */
  owner?: string
  expiresAt: number
}

export interface BearersComponents {
  admission: Admission
  meshKey: PrivateKey
  meshId: string
  /** Multiaddrs of this very master. */
  addresses: () => string[]
}

const CONNECT_MS = 10_000
const SALT = 'meshmark-http-client-1'

/**
 * Tokens of the HTTP interface and the clients behind them. Each is a client
 * of its own, whose key follows from the mesh key and the token's id: every
 * master makes the same one, so that its jobs are still its own at another one.
 */
export class Bearers {
  readonly #components: BearersComponents

  constructor (components: BearersComponents) {
    this.#components = components
  }

  /** Throws `refused` in one and the same way for a token that is unknown, wrong or of another kind. */
  check (text: string): Bearer {
    const { admission } = this.#components
    const token = parseHttpToken(text)
    const record = token == null ? undefined : admission.tokens.get(token.id)
    // of nothing as well: how long it takes tells nothing
    const refusal = refuseToken(record, tokenHash(token?.secret ?? new Uint8Array(32)), Date.now(), true)

    if (record?.http == null || refusal != null) {
      throw new MeshmarkError('refused', refusal ?? 'this token is not known here: ask for a new one (meshmark token create client --http)')
    }

    // also where the word of the token's own end has not come
    if (record.owner != null && admission.members.isRevoked(record.owner)) {
      throw new MeshmarkError('refused', 'the client that this token stands for was put out of the mesh')
    }

    return { id: record.id, role: record.role === 'admin' ? 'admin' : 'client', access: record.http, name: record.name, ...(record.owner == null ? {} : { owner: record.owner }), expiresAt: record.expiresAt }
  }

  /** Called with the id of a token that was revoked, by whichever master. */
  onRevoked (listener: (id: string) => void): void {
    this.#components.admission.tokens.onChange(({ id, revoked }) => {
      if (revoked) {
        listener(id)
      }
    })
  }

  /** A client that begins at this master, and goes to another one when this one cannot answer. */
  async connect (bearer: Bearer): Promise<Client> {
    const { admission, meshId, addresses } = this.#components
    const record = admission.tokens.get(bearer.id)

    if (record == null) {
      throw new MeshmarkError('refused', 'this token is not known here any more')
    }

    const identity = await this.#identityOf(record)
    const own = addresses()
    const place = { member: { meshId, membership: await admission.admitBearer(meshIdOf(identity), record), masters: own } }

    try {
      return await connectAs({ identity, mesh: { meshId, addresses: own, typed: true }, dir: place }, { mdns: false, timeoutMs: CONNECT_MS })
    } catch (err) {
      throw isMeshmarkError(err) ? err : new MeshmarkError('unreachable', 'this master does not answer itself: try again, or another master', { cause: err })
    }
  }

  /** Of the pages of one client always the same, for each of its roles: jobs of yesterday's are today's own. */
  async #identityOf ({ id, owner, role }: TokenRecord): Promise<PrivateKey> {
    const info = owner == null ? id : `${role} for ${owner}`

    return generateKeyPairFromSeed('Ed25519', new Uint8Array(hkdfSync('sha256', this.#components.meshKey.raw, SALT, info, 32)))
  }
}
