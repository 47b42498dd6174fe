import { role } from '../model/job.ts'
import { millis, name, payloadId, peerId } from '../model/words.ts'
import { codec } from '../schema/codec.ts'
import { field, list, message } from '../schema/message.ts'
import type { Membership } from '../../../model/membership.ts'
import type { Ticket } from '../payload/messages.ts'

/** What is sealed in an envelope; the seal itself is in node/membership.ts. */
export const membershipCodec = codec('membership', message<Membership>('Membership', {
  peerId: field(1, peerId),
  roles: list(2, role, 8),
  name: field(3, name),
  issuedAt: field(4, millis),
  expiresAt: field(5, millis)
}))

export const ticketCodec = codec('ticket', message<Ticket>('Ticket', {
  payload: field(1, payloadId),
  sender: field(2, peerId),
  receiver: field(3, peerId),
  expiresMs: field(4, millis)
}))

export const { encode: encodeMembership, decode: decodeMembership } = membershipCodec
export const { encode: encodeTicket, decode: decodeTicket } = ticketCodec
