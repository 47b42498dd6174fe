import type { Uint8ArrayList } from 'uint8arraylist'
import type { PayloadManifest } from '../../../model/payload.ts'

/** What a coordinator seals with its own key: this sender may give this content to this receiver. */
export interface Ticket {
  payload: string
  /** Peer ids. */
  sender: string
  receiver: string
  /** Mesh time, milliseconds since 1970. */
  expiresMs: number
}

/** Said by the side that has the content. */
export type PayloadRequest =
  /** `ticket` is sealed by the coordinator; a client that uploads its own job's payload to a master names the job instead. */
  | { kind: 'offer', manifest: PayloadManifest, ticket?: Uint8Array, job?: string }
  | { kind: 'chunk', index: number, data: Uint8Array | Uint8ArrayList }

/** Said by the side that receives it. */
export type PayloadReply =
  /** Send these chunks, in this order. */
  | { kind: 'accept', missing: number[] }
  /** All of it is here already. */
  | { kind: 'have' }
  /** Measuring: not now. */
  | { kind: 'busy', reason: string }
  | { kind: 'refused', reason: string }
  /** Progress, now and then. */
  | { kind: 'received', chunks: number }
  /** Every chunk verified and on disk; at masters, fsynced. */
  | { kind: 'complete' }
  /** A chunk did not match its digest; the transfer ends. */
  | { kind: 'corrupt', index: number }
