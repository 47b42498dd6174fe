import { role } from '../model/job.ts'
import { address, count, millis, name, selector, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional } from '../schema/message.ts'
import { bool, oneOf, text, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { HTTP_ACCESS } from './messages.ts'
import type { AdminReply, AdminRequest, TokenRow } from './messages.ts'
import type { Protocol } from '../protocol.ts'

const tokenId = text({ max: 64 })

/** Ten years. */
const MAX_TTL_MS = 10 * 366 * 24 * 3_600_000

const httpAccess = oneOf('HttpAccess', HTTP_ACCESS)

const tokenRow = message<TokenRow>('TokenRow', {
  id: field(1, tokenId),
  role: field(2, role),
  name: optional(3, name),
  createdAt: field(4, millis),
  expiresAt: field(5, millis),
  usesLeft: optional(6, count),
  revoked: field(7, bool),
  http: optional(8, httpAccess)
})

/** Tokens, memberships, draining. */
export const admin: Protocol<AdminRequest, AdminReply> = {
  id: '/meshmark/admin/1.0.0',
  openers: ['admin'],
  listeners: ['master'],
  maxMessage: 64 * 1024,
  firstMessageMs: 10_000,
  rate: { perSecond: 50, burst: 100 },
  maxStreams: 16,
  request: codec('admin', union<AdminRequest, 'kind'>('AdminRequest', 'kind', {
    'create-token': variant(1, { role: field(1, role), ttlMs: field(2, uint({ min: 1, max: MAX_TTL_MS })), uses: optional(3, uint({ min: 1 })), name: optional(4, name), http: optional(5, httpAccess) }),
    'list-tokens': variant(2, {}),
    'revoke-token': variant(3, { id: field(1, tokenId) }),
    'revoke-member': variant(4, { node: field(1, selector) }),
    drain: variant(5, { node: field(1, selector), undo: field(2, bool) })
  })),
  reply: codec('admin answer', union<AdminReply, 'kind'>('AdminReply', 'kind', {
    token: variant(1, { text: field(1, text({ max: 512 })), row: field(2, tokenRow), addresses: list(3, address, 64) }),
    row: variant(2, { row: field(1, tokenRow) }),
    done: variant(3, { detail: field(1, sentence) }),
    refused: variant(4, { reason: field(1, sentence) })
  }))
}
