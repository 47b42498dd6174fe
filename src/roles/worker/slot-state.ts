import { knownFrom } from './known-executions.ts'
import type { KnownExecutions } from './known-executions.ts'
import type { Claim, Held } from '../../node/protocol/register/messages.ts'
import type { CancelWord, SlotAnswer, SlotCommand, SlotRequest } from '../../node/protocol/slot/messages.ts'

/**
 * The slot: a worker's places to run, and the only lock there is. Two
 * coordinators that do not know of each other may both ask; a place serves one.
 *
 *   FREE -> RESERVED (a lease) -> RUNNING (ends only by exit, limit or cancel) -> FREE
 *
 * What is not measured may go from FREE to RUNNING at once. What is measured
 * needs all places, so that nothing runs beside it. A place may have been given
 * several executions of one job, which it runs one after the other: the first
 * ones of them are in the journal as begun, the others can be given back.
 *
 * Pure: no clock, no I/O. The shell carries out the effects in order, and a
 * `persist` is on disk before the next effect begins.
 */

/** How long a reservation lives without being renewed. */
export const LEASE_MS = 5_000

/**
 * So many of those that wait behind a running one are written down as begun
 * with one fsync. Should the worker die meanwhile, these count as interrupted.
 */
export const MARKED_AHEAD = 4

export type Place =
  | { kind: 'free' }
  | { kind: 'reserved', execution: string, claim: Claim, measured: boolean, leaseEndsMs: number, /** How long it has waited for a quiet machine, once it was asked to. */ quietWaitMs?: number }
  | RunningPlace

export interface RunningPlace {
  kind: 'running'
  measured: boolean
  /** The first one runs, the others wait for it. */
  executions: readonly string[]
  /** So many of them are in the journal as begun; at least one. */
  marked: number
  /** Of the START. */
  request: number
  /** As its client sealed it. */
  job: Uint8Array
}

export interface SlotState {
  /** The highest claim seen, on disk; lower ones are answered STALE. */
  highest?: Claim
  /** The highest request of that claim: what was overtaken on another stream is taken no more. */
  lastId: number
  places: readonly Place[]
  draining: boolean
  /** Why this worker takes no work at all, e.g. no box can be built. */
  refusal?: string
  /** What the journal knows and what waits; a START of any of these is answered with it, never run again. */
  known: KnownExecutions
  /** Jobs whose later STARTs are refused, with who said so. */
  cancelled: ReadonlyMap<string, CancelWord>
  /** Cancels that are answered when the running executions are reaped. */
  waiting: ReadonlyArray<{ request: number, job: string, stopped: readonly string[] }>
}

/** What the shell knows of a START's job when it gives the request to the slot. */
export interface StartFacts {
  job: Uint8Array
  measured: boolean
  /** Its tasks are for different workers: none begins beside another one. */
  distinct?: boolean
}

export type SlotEvent =
  /** `request` names what to answer; `from` is its noise-proven peer. `start` with START only. */
  | { kind: 'request', request: number, from: string, message: SlotRequest, nowMs: number, hasPayload: boolean, start?: StartFacts }
  /** The stream of a reservation has ended without START. */
  | { kind: 'stream-closed', execution: string, from: string }
  | { kind: 'tick', nowMs: number }
  /** The wait for a quiet machine that this renewal asked for is over. */
  | { kind: 'settled', request: number, message: Extract<SlotCommand, { kind: 'renew' }>, quietWaitMs: number, nowMs: number }
  /** The program of this execution runs: there is time to write down what comes next. */
  | { kind: 'under-way', execution: string }
  /** The execution is over: reaped, and its result on disk or about to be. `giveBack`: why nothing more can be written down as begun. */
  | { kind: 'ended', execution: string, giveBack?: string }
  | { kind: 'drain', drain: boolean }

export interface SlotStart {
  execution: string
  /** Number of the place. */
  place: number
  /** As its client sealed it. */
  job: Uint8Array
  /** Another one of the same job follows in this place. */
  more: boolean
  measured: boolean
  startAtMs?: number
  startErrorMs?: number
  quietWaitMs?: number
}

export type SlotEffect =
  | { kind: 'persist-claim', claim: Claim }
  /** Executions begin now, or soon: the record that forbids a second run. */
  | { kind: 'persist-start', executions: readonly string[] }
  | { kind: 'persist-cancel', job: string, word: CancelWord }
  | { kind: 'reply', request: number, reply: SlotAnswer }
  | { kind: 'start' } & SlotStart
  /** It is in the journal as begun, but will not begin: its record must say so; then it has `ended`. */
  | { kind: 'abandon', execution: string }
  /** Wait for a quiet machine, then `settled`; meanwhile other events come. */
  | { kind: 'settle', request: number, message: Extract<SlotCommand, { kind: 'renew' }>, quietMs: number }
  | { kind: 'stop', execution: string }
  /** Users see another state now. */
  | { kind: 'changed' }

export interface SlotStep {
  state: SlotState
  effects: SlotEffect[]
}

/** Of a place that nobody has. */
export const FREE: Place = { kind: 'free' }

/** @param init.places - at least one. @default 1 */
export function initialSlot (init: { highest?: Claim, known?: Iterable<[string, Held['state']]>, cancelled?: Iterable<[string, CancelWord]>, refusal?: string, draining?: boolean, places?: number } = {}): SlotState {
  return {
    highest: init.highest,
    lastId: -1,
    places: Array.from({ length: init.places ?? 1 }, () => FREE),
    draining: init.draining === true,
    refusal: init.refusal,
    known: knownFrom(init.known),
    cancelled: new Map(init.cancelled ?? []),
    waiting: []
  }
}

/** What runs, and what waits for it. */
export function heldBy ({ places }: Pick<SlotState, 'places'>): Held[] {
  return places.flatMap(place => place.kind === 'running'
    ? place.executions.map((execution, at): Held => ({ execution, state: at === 0 ? 'running' : 'queued' }))
    : [])
}

export function isFree ({ places }: Pick<SlotState, 'places'>): boolean {
  return places.every(({ kind }) => kind === 'free')
}
