import { address, MAX_SEALED, name, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, optional } from '../schema/message.ts'
import { bytes, text } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import type { JoinReply, JoinRequest } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** A token becomes a membership, a membership its successor. */
export const join: Protocol<JoinRequest, JoinReply> = {
  id: '/meshmark/join/1.0.0',
  openers: ['stranger', 'client', 'admin', 'worker', 'master'],
  listeners: ['master'],
  maxMessage: 16 * 1024,
  firstMessageMs: 10_000,
  // nobody needs more, and guessing tokens must stay hopeless
  rate: { perSecond: 1, burst: 5 },
  maxStreams: 2,
  request: codec('join', union<JoinRequest, 'kind'>('JoinRequest', 'kind', {
    join: variant(1, { tokenId: field(1, text({ max: 64 })), secret: field(2, bytes({ max: 64 })), name: field(3, name) }),
    renew: variant(2, { membership: optional(1, bytes({ max: MAX_SEALED })) })
  })),
  reply: codec('join answer', union<JoinReply, 'kind'>('JoinReply', 'kind', {
    joined: variant(1, { membership: field(1, bytes({ max: MAX_SEALED })), masters: list(2, address, 64) }),
    refused: variant(2, { reason: field(1, sentence) })
  }))
}
