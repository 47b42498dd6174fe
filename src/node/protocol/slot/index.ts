import { MAX_DATA_SETS } from '../../../model/data.ts'
import { execution, jobId, millis, payloadId, peerId, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional, optionalList } from '../schema/message.ts'
import { bool, bytes, double, oneOf, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { claim } from '../register/claim.ts'
import { MAX_SLOTS } from '../model/machine.ts'
import { MAX_JOB_BYTES } from '../submit/index.ts'
import { MAX_BATCH } from './messages.ts'
import type { CancelWord, KnownState, SlotReply, SlotRequest, StartOutcome } from './messages.ts'
import type { Protocol } from '../protocol.ts'

const id = field(15, uint())
const named = { id, claim: field(1, claim), execution: field(2, execution) }
const knownState = oneOf('KnownState', ['running', 'finished', 'delivered', 'queued'] as const satisfies KnownState[])
const signature = bytes({ max: 128 })
const cancelWord = message<CancelWord>('CancelWord', { master: optional(1, peerId), proof: optional(2, signature) })

const outcome = union<StartOutcome, 'kind'>('StartOutcome', 'kind', {
  started: variant(1, {}),
  queued: variant(2, {}),
  busy: variant(3, { reason: field(1, sentence) }),
  'no-payload': variant(4, {}),
  known: variant(5, { state: field(1, knownState) }),
  refused: variant(6, { reason: field(1, sentence), cancel: optional(2, cancelWord) })
})

/** AVAILABLE, START, ROLLBACK, CANCEL: how a coordinator gets a worker's slots. */
export const slot: Protocol<SlotRequest, SlotReply> = {
  id: '/meshmark/slot/2.0.0',
  openers: ['master'],
  listeners: ['worker'],
  maxMessage: MAX_JOB_BYTES + 64 * 1024,
  firstMessageMs: 10_000,
  rate: { perSecond: 5, burst: 20 },
  // a new one replaces the old one, which may take a moment to end
  maxStreams: 4,
  request: codec('slot', union<SlotRequest, 'kind'>('SlotRequest', 'kind', {
    available: variant(1, { ...named, measured: field(3, bool), payloads: optionalList(4, payloadId, 1 + MAX_DATA_SETS) }),
    renew: variant(2, { ...named, quietMs: optional(3, millis) }),
    start: variant(3, {
      id,
      claim: field(1, claim),
      executions: list(2, execution, MAX_BATCH),
      job: optional(3, bytes({ max: MAX_JOB_BYTES })),
      startAtMs: optional(4, double),
      startErrorMs: optional(5, double),
      jobId: field(6, jobId),
      reserved: field(7, bool)
    }),
    rollback: variant(4, named),
    cancel: variant(5, { id, claim: field(1, claim), job: field(2, jobId), proof: optional(3, signature) })
  })),
  reply: codec('slot answer', union<SlotReply, 'kind'>('SlotReply', 'kind', {
    ready: variant(1, { id, leaseMs: field(1, millis), hasPayload: field(2, bool) }),
    busy: variant(2, { id, reason: field(1, sentence) }),
    stale: variant(3, { id, highest: field(1, claim) }),
    known: variant(4, { id, state: field(1, knownState) }),
    renewed: variant(5, { id, leaseMs: field(1, millis) }),
    started: variant(6, { id, outcomes: list(1, outcome, MAX_BATCH) }),
    'rolled-back': variant(7, { id }),
    cancelled: variant(8, { id, stopped: list(1, execution, MAX_SLOTS) }),
    refused: variant(9, { id, reason: field(1, sentence), cancel: optional(2, cancelWord) }),
    'unknown-job': variant(10, { id }),
    returned: variant(11, { id, executions: list(1, execution, MAX_BATCH), reason: field(2, sentence) })
  }))
}
