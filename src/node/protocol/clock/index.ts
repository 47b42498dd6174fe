import { codec } from '../schema/codec.ts'
import { field, message } from '../schema/message.ts'
import { double } from '../schema/scalars.ts'
import type { ClockReply, ClockRequest } from './messages.ts'
import type { Protocol } from '../protocol.ts'

/** Four stamps, to learn how far apart two clocks are. */
export const clock: Protocol<ClockRequest, ClockReply> = {
  id: '/meshmark/clock/1.0.0',
  openers: ['master'],
  listeners: ['worker'],
  maxMessage: 1024,
  firstMessageMs: 5_000,
  rate: { perSecond: 20, burst: 100 },
  maxStreams: 8,
  request: codec('clock', message<ClockRequest>('ClockRequest', { sentMs: field(1, double) })),
  reply: codec('clock answer', message<ClockReply>('ClockReply', { sentMs: field(1, double), receivedMs: field(2, double), repliedMs: field(3, double) }))
}
