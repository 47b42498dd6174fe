import { CHUNK_SIZE, MAX_CHUNKS } from '../../../model/payload.ts'
import { payloadManifest } from '../model/job.ts'
import { jobId, MAX_SEALED, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, optional, packed } from '../schema/message.ts'
import { bytes, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { inPieces, withoutCopies } from './chunk-codec.ts'
import type { PayloadReply, PayloadRequest } from './messages.ts'
import type { Protocol } from '../protocol.ts'

const chunk = uint({ max: MAX_CHUNKS - 1 })

/** Content from one member to another, chunk by chunk. */
export const payload: Protocol<PayloadRequest, PayloadReply> = {
  id: '/meshmark/payload/1.0.0',
  openers: ['master', 'worker', 'client'],
  listeners: ['master', 'worker'],
  // a chunk, or a manifest of 4,096 long paths and 16,384 digests
  maxMessage: 12 * 1024 * 1024,
  firstMessageMs: 10_000,
  rate: { perSecond: 20, burst: 100 },
  maxStreams: 16,
  request: withoutCopies(codec('payload', union<PayloadRequest, 'kind'>('PayloadRequest', 'kind', {
    offer: variant(1, { manifest: field(1, payloadManifest), ticket: optional(2, bytes({ max: MAX_SEALED })), job: optional(3, jobId) }),
    chunk: variant(2, { index: field(1, chunk), data: field(2, inPieces(bytes({ max: CHUNK_SIZE }))) })
  }))),
  reply: codec('payload answer', union<PayloadReply, 'kind'>('PayloadReply', 'kind', {
    accept: variant(1, { missing: packed(1, chunk, MAX_CHUNKS) }),
    have: variant(2, {}),
    busy: variant(3, { reason: field(1, sentence) }),
    refused: variant(4, { reason: field(1, sentence) }),
    received: variant(5, { chunks: field(1, uint({ max: MAX_CHUNKS })) }),
    complete: variant(6, {}),
    corrupt: variant(7, { index: field(1, chunk) })
  }))
}
