import { execution, name, payloadId, peerId, sentence, size } from '../model/words.ts'
import { claim } from '../register/claim.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional } from '../schema/message.ts'
import { bool, bytes, text, uint } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { MAX_JOB_BYTES } from '../submit/index.ts'
import { MAX_RESULT_BYTES, piece, stream } from '../task/fields.ts'
import type { AskReply, AskRequest, Beat, FactEntry, FollowReply, FollowRequest, HeardClaim, OriginPosition } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** A page of entries, by the count of its values' bytes; one larger entry travels alone. */
export const ENTRIES_PAGE_BYTES = 4 * 1024 * 1024
/** Entries of one message. */
export const MAX_ENTRIES = 4_096
/** Incarnations of masters that still have entries in the log. */
export const MAX_ORIGINS = 50_000
/** Standbys that a client's word goes through at most. */
export const MAX_HOPS = 8

/** The largest fact is a result, with what surrounds it in the journal. */
const MAX_FACT_BYTES = MAX_RESULT_BYTES + 64 * 1024
const MAX_KEY_BYTES = 1_024

const origin = text({
  max: 91,
  like: { test: value => /^[1-9A-HJ-NP-Za-km-z]{40,64}\.[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(value), words: 'an origin (peer id, dot, ULID)' }
})
const sentMs = uint()

const heardClaim = message<HeardClaim>('HeardClaim', { claim: field(1, claim), incarnation: field(2, origin), renewal: field(3, sentMs), hops: field(4, uint({ max: 1_000_000 })) })

const beatMessage = message<Beat>('Beat', {
  incarnation: field(1, origin),
  sentMs: field(2, sentMs),
  term: field(3, uint()),
  claim: optional(4, heardClaim),
  heard: optional(5, message<NonNullable<Beat['heard']>>('Heard', { incarnation: field(1, origin), sentMs: field(2, sentMs) }))
})

/** Heartbeats of masters, in both directions. */
export const mastersBeat: Protocol<Beat, Beat> = {
  id: '/meshmark/masters-beat/1.0.0',
  openers: ['master'],
  listeners: ['master'],
  maxMessage: 4 * 1024,
  firstMessageMs: 5_000,
  // one for each connection, and connections that flap
  rate: { perSecond: 10, burst: 50 },
  maxStreams: 4,
  request: codec('masters-beat', beatMessage),
  reply: codec('masters-beat answer', beatMessage)
}

const position = message<OriginPosition>('OriginPosition', { origin: field(1, origin), seq: field(2, uint({ min: 1 })) })

const entry = message<FactEntry>('FactEntry', {
  origin: field(1, origin),
  seq: field(2, uint({ min: 1 })),
  key: field(3, text({ max: MAX_KEY_BYTES })),
  value: optional(4, bytes({ max: MAX_FACT_BYTES }))
})

/** What one master knows, as it grows, for another one. */
export const mastersFollow: Protocol<FollowRequest, FollowReply> = {
  id: '/meshmark/masters-follow/1.0.0',
  openers: ['master'],
  listeners: ['master'],
  maxMessage: ENTRIES_PAGE_BYTES + MAX_FACT_BYTES + MAX_ENTRIES * (MAX_KEY_BYTES + 128),
  firstMessageMs: 10_000,
  rate: { perSecond: 10, burst: 50 },
  maxStreams: 4,
  request: codec('masters-follow', union<FollowRequest, 'kind'>('FollowRequest', 'kind', {
    follow: variant(1, { vector: list(1, position, MAX_ORIGINS), forgottenMs: field(2, uint()) }),
    have: variant(2, { vector: list(1, position, MAX_ORIGINS) })
  })),
  reply: codec('masters-follow answer', union<FollowReply, 'kind'>('FollowReply', 'kind', {
    entries: variant(1, { entries: list(1, entry, MAX_ENTRIES) }),
    forgotten: variant(2, { forgottenMs: field(1, uint()) })
  }))
}

/** Questions between masters, one a stream. */
export const mastersAsk: Protocol<AskRequest, AskReply> = {
  id: '/meshmark/masters-ask/1.0.0',
  openers: ['master'],
  listeners: ['master'],
  maxMessage: MAX_JOB_BYTES + 64 * 1024,
  firstMessageMs: 10_000,
  // relays what many clients say
  rate: { perSecond: 500, burst: 1_000 },
  maxStreams: 64,
  request: codec('masters-ask', union<AskRequest, 'kind'>('AskRequest', 'kind', {
    'want-key': variant(1, {}),
    'want-payload': variant(2, { payload: field(1, payloadId) }),
    'want-output': variant(3, { execution: field(1, execution), stream: field(2, stream), offset: field(3, size) }),
    relay: variant(4, {
      request: field(1, bytes({ max: MAX_JOB_BYTES + 4 * 1024 })),
      client: field(2, peerId),
      clientName: field(3, name),
      admin: field(4, bool),
      hops: field(5, uint({ max: MAX_HOPS }))
    }),
    'want-vector': variant(5, {})
  })),
  reply: codec('masters-ask answer', union<AskReply, 'kind'>('AskReply', 'kind', {
    key: variant(1, { key: field(1, bytes({ max: 1_024 })) }),
    sending: variant(2, {}),
    none: variant(3, {}),
    output: variant(4, { data: field(1, piece), size: field(2, size) }),
    relayed: variant(5, { reply: field(1, bytes({ max: MAX_JOB_BYTES })) }),
    refused: variant(6, { reason: field(1, sentence) }),
    vector: variant(7, { vector: list(1, position, MAX_ORIGINS) })
  }))
}
