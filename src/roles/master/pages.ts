import { MeshmarkError } from '../../model/errors.ts'
import type { Asker } from './find-job.ts'
import type { HttpAddresses } from './http-addresses.ts'
import type { Members } from './members.ts'
import type { Tokens } from './tokens.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** Of the pages of one client, so that it cannot fill the journal of the masters. */
const MAX_TOKENS = 50

export interface PagesComponents {
  tokens: Pick<Tokens, 'create' | 'list'>
  members: Pick<Members, 'principalOf'>
  addresses: Pick<HttpAddresses, 'masters'>
  /** Of a master that is there; undefined = it was put out, or is not known. */
  nameOf: (peerId: string) => string | undefined
}

/** Tells clients where a page can be opened, and gives them a token for it: never for more than they may themselves. */
export class Pages {
  readonly #components: PagesComponents

  constructor (components: PagesComponents) {
    this.#components = components
  }

  /** Throws `refused` for somebody else's rights, `quota` for too many tokens. */
  async answer ({ ttlMs, access, owner: wanted }: Extract<SubmitRequest, { kind: 'page' }>, asker: Asker): Promise<Extract<SubmitReply, { kind: 'page' }>> {
    const { tokens, members, addresses, nameOf } = this.#components
    const masters = addresses.masters().flatMap(master => {
      const name = nameOf(master.peerId)

      return name == null ? [] : [{ ...master, name }]
    })

    if (ttlMs == null) {
      return { kind: 'page', masters }
    }

    if (wanted != null && wanted !== asker.peerId && !asker.admin) {
      throw new MeshmarkError('refused', 'a client opens pages for itself alone')
    }

    const role = asker.admin ? 'admin' : 'client'
    // whoever came by a page is no further client behind the one that has opened it
    const owner = members.principalOf(wanted ?? asker.peerId)
    const name = `page-${owner.slice(-8)}`
    const valid = tokens.list().filter(token => token.name === name && token.http != null && !token.revoked && token.expiresAt > Date.now())

    if (valid.length >= MAX_TOKENS) {
      throw new MeshmarkError('quota', `${MAX_TOKENS} tokens for pages of this client are valid: wait until one has expired, or have an administrator revoke some (meshmark token ls)`)
    }

    const { text, row } = await tokens.create(role, { ttlMs, http: access, name, owner })

    return { kind: 'page', masters, token: { text, id: row.id, role, access, expiresAt: row.expiresAt } }
  }
}
