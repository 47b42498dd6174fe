import type { Claim } from '../register/messages.ts'
import type { OutputStream } from '../task/messages.ts'

/** A claim that the speaker takes for live: its own, or one that it knows from the claimant or through others. */
export interface HeardClaim {
  claim: Claim
  /** Of the claimant. */
  incarnation: string
  /** `sentMs` of the claimant's latest heartbeat that is known: only the claimant itself can make it grow. */
  renewal: number
  /** Masters between the speaker and what it says: 0 = its own claim, 1 = heard from the claimant. */
  hops: number
}

/** What masters say to each other four times a second, in both directions of one stream. */
export interface Beat {
  /** The speaker's origin: `<peer id>.<ULID>`, a new one at every start. */
  incarnation: string
  /** Milliseconds on the speaker's own monotonic clock; grows with every heartbeat of an incarnation. */
  sentMs: number
  /** The highest term that the speaker has seen. */
  term: number
  /** Absent = the speaker sees no live claim. */
  claim?: HeardClaim
  /** The latest heartbeat that the speaker has from the listener; absent = none of late. Only links with this in both directions count. */
  heard?: { incarnation: string, sentMs: number }
}

/** How far the log of one origin is known: everything up to and including `seq`, from 1 on. */
export interface OriginPosition {
  origin: string
  seq: number
}

/** One entry of an origin's log: that a fact changed, and the fact as it is now. */
export interface FactEntry {
  origin: string
  seq: number
  /** Empty: what the origin said up to here is not needed any more. */
  key: string
  /** Absent = removed since. */
  value?: Uint8Array
}

/** What the master says that wants to know what the other one knows. */
export type FollowRequest =
  /** Once, first: this is what I have; of jobs that were removed up to that time (milliseconds since 1970, 0 = none) I remember nothing. */
  | { kind: 'follow', vector: OriginPosition[], forgottenMs: number }
  /** The entries are on disk here; only the origins that they changed. */
  | { kind: 'have', vector: OriginPosition[] }

/** What the master says that is followed. */
export type FollowReply =
  /** Once, first, as in `follow`. */
  | { kind: 'forgotten', forgottenMs: number }
  /** What is missing, then what is new, in the order of each origin. */
  | { kind: 'entries', entries: FactEntry[] }

/** One question a stream. */
export type AskRequest =
  /** A new master of this mesh asks for the mesh key. */
  | { kind: 'want-key' }
  | { kind: 'want-payload', payload: string }
  /** What the listener knows: a new coordinator waits until it knows that as well. */
  | { kind: 'want-vector' }
  | { kind: 'want-output', execution: string, stream: OutputStream, offset: number }
  /**
   * What a client said to a standby, as an encoded SubmitRequest. `hops` counts
   * the standbys that it went through: a master may reach the coordinator only
   * through another one.
   */
  | { kind: 'relay', request: Uint8Array, client: string, clientName: string, admin: boolean, hops: number }

export type AskReply =
  | { kind: 'key', key: Uint8Array }
  /** It comes by the payload protocol, with the sender's ticket. */
  | { kind: 'sending' }
  /** It is not here. */
  | { kind: 'none' }
  /** A piece from the offset on; `size` is what this master has of the stream. */
  | { kind: 'output', data: Uint8Array, size: number }
  /** An encoded SubmitReply. */
  | { kind: 'relayed', reply: Uint8Array }
  /** On the disk there, as in `follow`. */
  | { kind: 'vector', vector: OriginPosition[] }
  | { kind: 'refused', reason: string }
