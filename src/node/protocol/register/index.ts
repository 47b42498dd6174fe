import { floor, lastNoise, MAX_SLOTS, tools, workerInfo } from '../model/machine.ts'
import { address, execution, millis, name, peerId, sentence } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message, optional, optionalList } from '../schema/message.ts'
import { bool, double, oneOf } from '../schema/scalars.ts'
import { union, variant } from '../schema/union.ts'
import { claim, workerState } from './claim.ts'
import type { Held, ListedMaster, MasterMessage, WorkerMessage } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** Undelivered results and what runs; a worker with more has been cut off for very long. */
export const MAX_HELD = 10_000

/** Masters of a mesh, with those that were removed. */
export const MAX_LISTED = 256

/** Addresses of one master. */
export const MAX_LISTED_ADDRESSES = 16

const held = message<Held>('Held', {
  execution: field(1, execution),
  state: field(2, oneOf('HeldState', ['running', 'finished', 'queued'] as const satisfies Array<Held['state']>))
})

const listedMaster = message<ListedMaster>('ListedMaster', {
  peerId: field(1, peerId),
  name: field(2, name),
  addresses: list(3, address, MAX_LISTED_ADDRESSES),
  atMs: field(4, millis),
  removed: optional(5, bool)
})

/** A worker's control stream: registration, then its state on every change. */
export const register: Protocol<WorkerMessage, MasterMessage> = {
  id: '/meshmark/register/1.0.0',
  openers: ['worker'],
  listeners: ['master'],
  maxMessage: 4 * 1024 * 1024,
  firstMessageMs: 10_000,
  rate: { perSecond: 2, burst: 10 },
  // a new one replaces the old one, which may take a moment to end
  maxStreams: 4,
  request: codec('register', union<WorkerMessage, 'kind'>('WorkerMessage', 'kind', {
    register: variant(1, { info: field(1, workerInfo), highest: optional(2, claim), holds: list(3, held, MAX_HELD) }),
    state: variant(2, {
      state: field(1, workerState),
      execution: optional(2, execution),
      detail: optional(3, sentence),
      sinceMs: field(4, millis),
      highest: optional(5, claim),
      floor: optional(6, floor),
      executions: optionalList(7, execution, MAX_SLOTS),
      tools: tools(8),
      noise: optional(9, lastNoise)
    })
  })),
  reply: codec('register answer', union<MasterMessage, 'kind'>('MasterMessage', 'kind', {
    registered: variant(1, { name: field(1, name), claim: optional(2, claim), meshTimeMs: field(3, double), masters: optionalList(4, listedMaster, MAX_LISTED) }),
    refused: variant(2, { reason: field(1, sentence) }),
    drain: variant(3, { drain: field(1, bool), atMs: optional(2, millis), by: optional(3, peerId) }),
    masters: variant(4, { masters: list(1, listedMaster, MAX_LISTED) })
  }))
}
