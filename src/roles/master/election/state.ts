import type { Beat, HeardClaim } from '../../../node/protocol/masters/messages.ts'
import type { Claim } from '../../../node/protocol/register/messages.ts'

/** Between two heartbeats. */
export const BEAT_MS = 250
/** Silent for so long = suspected; a claim that was not renewed for so long has lapsed. */
export const SUSPECT_MS = 1_000
/** Since we sent what the other side says it has heard last: two intervals of both sides, the way there and back, and a busy moment. */
export const ECHO_MS = 1_500
/** A new contact has so long to become one in both directions before it is passed over. */
export const SETTLE_MS = 1_000
/** Nothing may keep a master from claiming for longer than this while it sees no live claim. */
export const PATIENCE_MS = 1_500
/** Candidates that do not see each other do not all claim at the same moment. */
export const MAX_DELAY_MS = 200
/**
 * Whoever knew the coordinator through others only waits so long for those to
 * find another way to it: a renewal on its way to them, and from them to us.
 */
export const DETOUR_MS = 2 * BEAT_MS
/** A gap between two events that only a process has which did not run. */
export const PAUSE_MS = 500
/** After the disk refused the term. */
export const RETRY_MS = 1_000
/** How long a master yields to a rival that it knows through workers only, and at most when that goes on. */
export const YIELD_MS = 2_000
export const MAX_YIELD_MS = 60_000

/** So many terms are not lost with any journal: whoever says more is lying, and would use up the terms for everybody. */
export const MAX_TERM_STEP = 1_000_000

/** How far a claimant's renewals are known. */
export type Renewal = Pick<HeardClaim, 'claim' | 'incarnation' | 'renewal'>

/** Another master, and the link to it. Times are on the election's own clock. */
export interface PeerLink {
  incarnation?: string
  /** The highest term that it has seen. */
  term: number
  /** Its own stamp on the latest heartbeat from it. */
  sentMs: number
  /** When that came; absent = never yet. */
  heardAtMs?: number
  /** When we sent what it has heard last; absent = it does not hear us. */
  echoMs?: number
  /** The claim that it takes for live, and since when that was not renewed. */
  says?: HeardClaim
  saysAtMs: number
  /** Since when it is about to become a link, or to turn out as none. */
  contactMs: number
  /** It was dialled and did not answer. */
  unreachable: boolean
  /** As found at the last step: it is heard; and it hears us too. */
  heard: boolean
  live: boolean
  /** The stamp of our latest heartbeat to it. */
  stampMs: number
}

/** A claim by somebody whom only workers hear. */
export interface Rival {
  claim: Claim
  /** How often it has claimed anew after it was displaced. */
  times: number
  atMs: number
}

export interface ElectionState {
  readonly me: string
  readonly incarnation: string
  started: boolean
  /** Advances only while this process runs: the time of a pause counts against nobody. */
  clockMs: number
  /** The caller's clock at the last event. */
  lastEventMs?: number
  /** Nobody is judged before this: what came in during a pause must be read first. */
  judgeFromMs: number
  /** The highest that was seen anywhere. */
  term: number
  /** The claim by which this master reigns. */
  reign?: Claim
  /** On its way to the disk. */
  persisting?: number
  /** Since when no live claim is seen, and when this master may claim at the earliest. */
  candidate?: { sinceMs: number, dueMs: number }
  notBeforeMs: number
  rival?: Rival
  /** The highest live claim that is known, its own included. */
  coordinator?: Claim
  /** The coordinator is, or was when it was seen last, known through others only. */
  indirect: boolean
  readonly peers: Map<string, PeerLink>
  /** Claimant -> the claims of others that were live at the last step. */
  seen: Map<string, Renewal>
  /** Claimant -> renewals up to this one no longer count. A claim that has lapsed comes back only by what the claimant said later. */
  readonly floors: Map<string, Renewal>
}

/** `nowMs` is the caller's monotonic clock in milliseconds. */
export type ElectionEvent = { nowMs: number } & (
  /** What was known at the start has been dialled. */
  | { kind: 'start' }
  /** Every 50 to 100 ms; `random` from 0 to 1. */
  | { kind: 'tick', random: number }
  | { kind: 'beat', peer: string, beat: Beat }
  /** A master that belongs to the mesh, connected or not. */
  | { kind: 'peer-added', peer: string }
  | { kind: 'peer-removed', peer: string }
  /** It was dialled and did not answer, and no connection to it is open. */
  | { kind: 'unreachable', peer: string }
  /** A worker answered STALE. */
  | { kind: 'stale', highest: Claim }
  /** A worker knows this claim. */
  | { kind: 'worker-claim', claim: Claim }
  | { kind: 'term-persisted', term: number }
  | { kind: 'term-failed', term: number }
)

export type ElectionEffect =
  /** Write it to the disk, then say term-persisted. */
  | { kind: 'persist-term', term: number }
  | { kind: 'reign', claim: Claim }
  | { kind: 'stand-down' }
  /** The live claim that is known is another one now. */
  | { kind: 'coordinator', claim: Claim | undefined }
  /** Send heartbeats now, to one or to all, beside those of every BEAT_MS. */
  | { kind: 'beat', to?: string }

/** `term` as the disk has it. */
export function newElection (me: string, incarnation: string, term: number): ElectionState {
  return {
    me,
    incarnation,
    term,
    started: false,
    clockMs: 0,
    judgeFromMs: 0,
    notBeforeMs: 0,
    indirect: false,
    peers: new Map(),
    seen: new Map(),
    floors: new Map()
  }
}

export function newLink (nowMs: number): PeerLink {
  return { sentMs: -1, term: 0, saysAtMs: 0, contactMs: nowMs, unreachable: false, heard: false, live: false, stampMs: -1 }
}
