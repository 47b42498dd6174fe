import { execution, jobId, millis, payloadId, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, optional } from '../schema/message.ts'
import { bool, bytes, double, oneOf } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { claim } from '../register/claim.ts'
import { MAX_JOB_BYTES } from '../submit/index.ts'
import type { SlotReply, SlotRequest } from './first-messages.ts'
import type { Protocol } from '../protocol.ts'

const named = { claim: field(1, claim), execution: field(2, execution) }

/** AVAILABLE, START, ROLLBACK, CANCEL: how a coordinator gets a worker's slot. */
export const firstSlot: Protocol<SlotRequest, SlotReply> = {
  id: '/meshmark/slot/1.0.0',
  openers: ['master'],
  listeners: ['worker'],
  maxMessage: MAX_JOB_BYTES + 4 * 1024,
  firstMessageMs: 10_000,
  // many short tasks one after the other, each on a stream of its own
  rate: { perSecond: 500, burst: 1_000 },
  maxStreams: 16,
  request: codec('slot', union<SlotRequest, 'kind'>('SlotRequest', 'kind', {
    available: variant(1, { ...named, measured: field(3, bool), payload: optional(4, payloadId) }),
    renew: variant(2, { ...named, quietMs: optional(3, millis) }),
    start: variant(3, { ...named, job: field(3, bytes({ max: MAX_JOB_BYTES })), startAtMs: optional(4, double), startErrorMs: optional(5, double) }),
    rollback: variant(4, named),
    cancel: variant(5, { claim: field(1, claim), job: field(2, jobId) })
  })),
  reply: codec('slot answer', union<SlotReply, 'kind'>('SlotReply', 'kind', {
    ready: variant(1, { leaseMs: field(1, millis), hasPayload: field(2, bool) }),
    busy: variant(2, { reason: field(1, sentence) }),
    stale: variant(3, { highest: field(1, claim) }),
    known: variant(4, { state: field(1, oneOf('KnownState', ['running', 'finished', 'delivered', 'queued'] as const)) }),
    renewed: variant(5, { leaseMs: field(1, millis) }),
    started: variant(6, {}),
    'rolled-back': variant(7, {}),
    cancelled: variant(8, { stopped: list(1, execution, 64) }),
    refused: variant(9, { reason: field(1, sentence) })
  }))
}
