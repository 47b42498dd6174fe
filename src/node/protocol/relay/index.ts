import { MAX_CHUNKS } from '../../../model/payload.ts'
import { MAX_WORKER_ADDRESSES } from '../model/machine.ts'
import { address, MAX_SEALED, payloadId, peerId, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list } from '../schema/message.ts'
import { bytes, oneOf, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import type { Blame, RelayReply, RelayRequest } from './messages.ts'
import type { Protocol } from '../protocol.ts'

const BLAMES: readonly Blame[] = ['own', 'receiver', 'network']
const chunks = uint({ max: MAX_CHUNKS })
const addresses = list(4, address, MAX_WORKER_ADDRESSES)

/** How a coordinator has workers pass a payload on among themselves; the content itself goes by `payload`. */
export const relay: Protocol<RelayRequest, RelayReply> = {
  id: '/meshmark/relay/1.0.0',
  openers: ['master'],
  listeners: ['worker'],
  maxMessage: 32 * 1024,
  firstMessageMs: 10_000,
  rate: { perSecond: 50, burst: 200 },
  maxStreams: 64,
  request: codec('relay', union<RelayRequest, 'kind'>('RelayRequest', 'kind', {
    send: variant(1, { payload: field(1, payloadId), ticket: field(2, bytes({ max: MAX_SEALED })), to: field(3, peerId), addresses }),
    watch: variant(2, { payload: field(1, payloadId) }),
    meet: variant(3, { peer: field(1, peerId), addresses })
  })),
  reply: codec('relay answer', union<RelayReply, 'kind'>('RelayReply', 'kind', {
    progress: variant(1, { chunks: field(1, chunks) }),
    done: variant(2, { sent: field(1, chunks) }),
    failed: variant(3, { reason: field(1, sentence), blame: field(2, oneOf('Blame', BLAMES)) }),
    lied: variant(4, { sender: field(1, peerId), reason: field(2, sentence) })
  }))
}
