import { address, MAX_SEALED, sentence, version } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, message, optional, optionalList } from '../schema/message.ts'
import { bool, bytes, double } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import type { Hello, HelloReply } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** Addresses of masters in a hello. */
export const MAX_MASTER_ADDRESSES = 16

const words = message<Hello>('Hello', {
  version: field(1, version),
  bootNonce: field(2, bytes({ min: 16, max: 16 })),
  membership: optional(3, bytes({ max: MAX_SEALED })),
  meshTimeMs: field(4, double),
  masters: optionalList(5, address, MAX_MASTER_ADDRESSES)
})

/** Who are you: the first thing said on every connection, in both directions. */
export const hello: Protocol<Hello, HelloReply> = {
  id: '/meshmark/hello/1.0.0',
  openers: ['stranger', 'client', 'admin', 'worker', 'master'],
  listeners: ['client', 'admin', 'worker', 'master'],
  maxMessage: 16 * 1024,
  firstMessageMs: 10_000,
  // said again after a join or a renewal, so more than once a connection
  rate: { perSecond: 5, burst: 20 },
  maxStreams: 4,
  request: codec('hello', words),
  reply: codec('hello answer', union<HelloReply, 'kind'>('HelloReply', 'kind', {
    welcome: variant(1, { hello: field(1, words), stranger: field(2, bool) }),
    refused: variant(2, { reason: field(1, sentence), version: field(2, version), meshTimeMs: field(3, double) })
  }))
}
