import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { compareClaims } from '../claim.ts'
import { knownFrom, stateOf, withKnown } from './known-executions.ts'
import type { KnownExecutions } from './known-executions.ts'
import type { Claim, Held } from '../../node/protocol/register/messages.ts'
import type { SlotAnswer, SlotCommand, SlotRequest, StartOutcome } from '../../node/protocol/slot/messages.ts'

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
  /** Jobs whose later STARTs are refused. */
  cancelled: ReadonlySet<string>
  /** Cancels that are answered when the running executions are reaped. */
  waiting: ReadonlyArray<{ request: number, job: string, stopped: readonly string[] }>
}

/** What the shell knows of a START's job when it gives the request to the slot. */
export interface StartFacts {
  job: Uint8Array
  measured: boolean
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
  | { kind: 'persist-cancel', job: string }
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

type RequestEvent = Extract<SlotEvent, { kind: 'request' }>
type StartMessage = Extract<SlotCommand, { kind: 'start' }>

const FREE: Place = { kind: 'free' }
const RESERVATION_ENDED: SlotAnswer = { kind: 'refused', reason: 'the reservation has ended: ask again with AVAILABLE' }

/** @param init.places - at least one. @default 1 */
export function initialSlot (init: { highest?: Claim, known?: Iterable<[string, Held['state']]>, cancelled?: Iterable<string>, refusal?: string, draining?: boolean, places?: number } = {}): SlotState {
  return {
    highest: init.highest,
    lastId: -1,
    places: Array.from({ length: init.places ?? 1 }, () => FREE),
    draining: init.draining === true,
    refusal: init.refusal,
    known: knownFrom(init.known),
    cancelled: new Set(init.cancelled ?? []),
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

export function stepSlot (state: SlotState, event: SlotEvent): SlotStep {
  switch (event.kind) {
    case 'request':
      return onRequest(state, event)
    case 'stream-closed':
      return freeWhere(state, place => place.execution === event.execution && place.claim.master === event.from)
    case 'tick':
      return freeWhere(state, place => place.leaseEndsMs <= event.nowMs)
    case 'settled':
      return onSettled(state, event)
    case 'under-way':
      return onUnderWay(state, event.execution)
    case 'ended':
      return onEnded(state, event)
    case 'drain':
      return onDrain(state, event.drain)
  }
}

function onRequest (state: SlotState, event: RequestEvent): SlotStep {
  const { message, request, from } = event

  if (message.claim.master !== from) {
    return answer(state, request, { kind: 'refused', reason: `the claim names master ${message.claim.master}, but ${from} sent it` })
  }

  if (state.highest != null && compareClaims(message.claim, state.highest) < 0) {
    return answer(state, request, { kind: 'stale', highest: state.highest })
  }

  const before: SlotEffect[] = []

  if (state.highest == null || compareClaims(message.claim, state.highest) > 0) {
    state = { ...state, highest: message.claim, lastId: -1 }
    before.push({ kind: 'persist-claim', claim: message.claim })
  }

  if (message.id <= state.lastId) {
    return answer(state, request, { kind: 'refused', reason: `request ${message.id} was overtaken by request ${state.lastId}` })
  }

  state = { ...state, lastId: message.id }

  const step = onAccepted(state, event)

  return { state: step.state, effects: [...before, ...step.effects] }
}

function onAccepted (state: SlotState, event: RequestEvent): SlotStep {
  const { message, request } = event

  switch (message.kind) {
    case 'available':
      return onAvailable(state, event, message)
    case 'renew': {
      const at = reservationOf(state, message)
      const place = state.places[at]

      if (place?.kind !== 'reserved') {
        return answer(state, request, RESERVATION_ENDED)
      }

      if (message.quietMs != null && message.quietMs > 0) {
        return {
          state: put(state, at, { ...place, leaseEndsMs: event.nowMs + message.quietMs + LEASE_MS }),
          effects: [{ kind: 'settle', request, message, quietMs: message.quietMs }]
        }
      }

      return renewed(state, at, place, request, event.nowMs)
    }
    case 'start':
      return onStart(state, event, message)
    case 'rollback':
      return onRollback(state, request, message)
    case 'cancel':
      return onCancel(state, request, message.job)
  }
}

function onAvailable (state: SlotState, event: RequestEvent, message: Extract<SlotCommand, { kind: 'available' }>): SlotStep {
  const { request } = event
  const refused = cannotTake(state, message.execution)

  if (refused != null) {
    return answer(state, request, refused)
  }

  const taken = placesFor(state, message)

  if (typeof taken === 'string') {
    return answer(state, request, { kind: 'busy', reason: taken })
  }

  const { execution, claim, measured } = message
  const reserved: Place = { kind: 'reserved', execution, claim, measured, leaseEndsMs: event.nowMs + LEASE_MS }

  return {
    // whatever had been reserved in a place that it needs gives way
    state: { ...state, places: state.places.map((place, at) => at === taken[0] ? reserved : taken.includes(at) ? FREE : place) },
    effects: [{ kind: 'reply', request, reply: { kind: 'ready', leaseMs: LEASE_MS, hasPayload: event.hasPayload } }, { kind: 'changed' }]
  }
}

/**
 * Where it can be: one place, or all of them, the first being the one that it
 * is put into. A coordinator with a higher claim takes over what is only
 * reserved; what was reserved for the same execution is renewed.
 */
function placesFor (state: SlotState, { execution, claim, measured }: { execution?: string, claim: Claim, measured: boolean }): number[] | string {
  const { places } = state
  const again = places.findIndex(place => place.kind === 'reserved' && place.execution === execution)
  const gives = (place: Place, at: number): boolean => place.kind === 'free' || at === again || (place.kind === 'reserved' && compareClaims(claim, place.claim) > 0)
  const numbers = [...places.keys()]

  if (measured) {
    const inTheWay = places.find((place, at) => !gives(place, at))

    return inTheWay != null ? busyReason(inTheWay) : again < 0 ? numbers : [again, ...numbers.filter(at => at !== again)]
  }

  const alone = places.find((place, at) => place.kind !== 'free' && place.measured && !gives(place, at))

  if (alone != null) {
    return busyReason(alone)
  }

  // one that nobody has is better than one that is taken away from somebody
  const at = again >= 0 ? again : [...numbers.filter(at => places[at]?.kind === 'free'), ...numbers].find(at => gives(places[at] ?? FREE, at))

  if (at == null) {
    return busyReason(places[0] ?? FREE)
  }

  // with it goes a measured reservation that gives way, wherever it stands
  return [at, ...numbers.filter(other => other !== at && isMeasured(places[other]))]
}

function onStart (state: SlotState, event: RequestEvent, message: StartMessage): SlotStep {
  const { request, start } = event

  if (start == null) {
    return answer(state, request, { kind: 'unknown-job' })
  }

  if (message.executions.length === 0 || message.executions.some(execution => jobOf(execution) !== message.jobId)) {
    return answer(state, request, { kind: 'refused', reason: 'the executions of one START are of one job' })
  }

  if (!message.reserved && (start.measured || message.startAtMs != null)) {
    return answer(state, request, { kind: 'refused', reason: 'what is measured, or starts at a common instant, needs a reservation: ask with AVAILABLE' })
  }

  if (message.reserved && message.executions.length > 1) {
    return answer(state, request, { kind: 'refused', reason: 'a reservation is for one execution' })
  }

  const reservedAt = message.reserved ? reservationOf(state, { execution: message.executions[0] ?? '', claim: message.claim }) : -1
  const reserved = state.places[reservedAt]
  const free = message.reserved ? reserved?.kind === 'reserved' ? [reservedAt] : 'not reserved for this execution: the lease has ended or another coordinator has it' : placesFor(state, { claim: message.claim, measured: false })
  const accepted: string[] = []
  const outcomes = message.executions.map((execution): StartOutcome => {
    const refused = accepted.includes(execution) ? { kind: 'known' as const, state: 'queued' as const } : cannotTake(state, execution)

    if (refused != null) {
      return refused
    }

    if (typeof free === 'string') {
      return message.reserved ? { kind: 'refused', reason: free } : { kind: 'busy', reason: free }
    }

    if (!event.hasPayload && !message.reserved) {
      return { kind: 'no-payload' }
    }

    return accepted.push(execution) === 1 ? { kind: 'started' } : { kind: 'queued' }
  })
  const [first] = accepted
  const reply: SlotEffect = { kind: 'reply', request, reply: { kind: 'started', outcomes } }

  if (first == null || typeof free === 'string') {
    return { state, effects: [reply] }
  }

  const [at = 0] = free
  const running: RunningPlace = { kind: 'running', measured: start.measured, executions: accepted, marked: 1, request, job: start.job }
  const places = state.places.map((place, other) => other === at ? running : free.includes(other) ? FREE : place)

  return {
    state: { ...state, places, known: withKnown(withKnown(state.known, accepted, 'queued'), [first], 'running') },
    effects: [
      { kind: 'persist-start', executions: [first] },
      reply,
      {
        kind: 'start',
        execution: first,
        place: at,
        job: start.job,
        more: accepted.length > 1,
        measured: start.measured,
        startAtMs: message.startAtMs,
        startErrorMs: message.startErrorMs,
        quietWaitMs: reserved?.kind === 'reserved' ? reserved.quietWaitMs : undefined
      },
      { kind: 'changed' }
    ]
  }
}

function onRollback (state: SlotState, request: number, message: Extract<SlotCommand, { kind: 'rollback' }>): SlotStep {
  const reserved = reservationOf(state, message)
  const reply = (reply: SlotAnswer): SlotEffect => ({ kind: 'reply', request, reply })

  if (reserved >= 0) {
    return { state: put(state, reserved, FREE), effects: [{ kind: 'changed' }, reply({ kind: 'rolled-back' })] }
  }

  const { execution } = message
  const at = placeOf(state, execution)
  const place = state.places[at]

  if (place?.kind !== 'running') {
    const known = stateOf(state.known, execution)

    return { state, effects: [reply(known == null ? { kind: 'rolled-back' } : { kind: 'known', state: known })] }
  }

  if (place.executions.indexOf(execution) < place.marked) {
    return { state, effects: [reply({ kind: 'known', state: 'running' })] }
  }

  return {
    state: put({ ...state, known: withKnown(state.known, [execution], undefined) }, at, { ...place, executions: place.executions.filter(other => other !== execution) }),
    effects: [reply({ kind: 'rolled-back' })]
  }
}

function onSettled (state: SlotState, { request, message, quietWaitMs, nowMs }: Extract<SlotEvent, { kind: 'settled' }>): SlotStep {
  const at = reservationOf(state, message)
  const place = state.places[at]

  return place?.kind === 'reserved'
    ? renewed(state, at, { ...place, quietWaitMs: (place.quietWaitMs ?? 0) + quietWaitMs }, request, nowMs)
    : answer(state, request, RESERVATION_ENDED)
}

function renewed (state: SlotState, at: number, place: Extract<Place, { kind: 'reserved' }>, request: number, nowMs: number): SlotStep {
  return {
    state: put(state, at, { ...place, leaseEndsMs: nowMs + LEASE_MS }),
    effects: [{ kind: 'reply', request, reply: { kind: 'renewed', leaseMs: LEASE_MS } }]
  }
}

function onCancel (state: SlotState, request: number, job: string): SlotStep {
  const effects: SlotEffect[] = []
  const stopped: string[] = []

  if (!state.cancelled.has(job)) {
    state = { ...state, cancelled: new Set(state.cancelled).add(job) }
    effects.push({ kind: 'persist-cancel', job })
  }

  for (const [at, place] of state.places.entries()) {
    if (place.kind === 'running' && jobOf(place.executions[0] ?? '') === job) {
      const [running = ''] = place.executions

      // nothing of these has begun or is on disk
      state = dropWaiting(state, at, place)
      stopped.push(running)
      effects.push({ kind: 'stop', execution: running })
    } else if (place.kind === 'reserved' && jobOf(place.execution) === job) {
      state = put(state, at, FREE)
      effects.push({ kind: 'changed' })
    }
  }

  if (stopped.length > 0) {
    // answered when they are reaped
    return { state: { ...state, waiting: [...state.waiting, { request, job, stopped }] }, effects }
  }

  effects.push({ kind: 'reply', request, reply: { kind: 'cancelled', stopped: [] } })

  return { state, effects }
}

function onUnderWay (state: SlotState, execution: string): SlotStep {
  const at = placeOf(state, execution)
  const place = state.places[at]

  return place?.kind === 'running' && place.executions[0] === execution && place.marked === 1
    ? mark(state, at, place, 1 + MARKED_AHEAD)
    : { state, effects: [] }
}

function onEnded (state: SlotState, { execution, giveBack }: Extract<SlotEvent, { kind: 'ended' }>): SlotStep {
  const at = placeOf(state, execution)
  const place = state.places[at]

  if (place?.kind !== 'running' || place.executions[0] !== execution) {
    return { state, effects: [] }
  }

  const [, ...left] = place.executions
  const [next] = left
  const job = jobOf(execution)
  const rest: RunningPlace = { ...place, executions: left, marked: place.marked - 1 }

  state = { ...state, known: withKnown(state.known, [execution], 'finished') }

  if (next == null) {
    return answerCancels(put(state, at, FREE), job)
  }

  if (giveBack != null && rest.marked === 0) {
    return {
      state: put(dropWaiting(state, at, rest), at, FREE),
      effects: [{ kind: 'reply', request: place.request, reply: { kind: 'returned', executions: left, reason: giveBack } }, { kind: 'changed' }]
    }
  }

  const marked = mark(put(state, at, rest), at, rest, 1)

  state = { ...marked.state, known: withKnown(marked.state.known, [next], 'running') }

  return {
    state,
    effects: [
      ...marked.effects,
      state.cancelled.has(job)
        ? { kind: 'abandon', execution: next }
        : { kind: 'start', execution: next, place: at, job: place.job, more: left.length > 1, measured: place.measured },
      { kind: 'changed' }
    ]
  }
}

/** At least so many of a place are in the journal as begun then. */
function mark (state: SlotState, at: number, place: RunningPlace, wanted: number): SlotStep {
  const executions = place.executions.slice(place.marked, wanted)

  return executions.length === 0
    ? { state, effects: [] }
    : { state: put(state, at, { ...place, marked: place.marked + executions.length }), effects: [{ kind: 'persist-start', executions }] }
}

function answerCancels (state: SlotState, job: string): SlotStep {
  const isOver = (entry: SlotState['waiting'][number]): boolean => entry.job === job && !state.places.some(place => place.kind === 'running' && jobOf(place.executions[0] ?? '') === job)

  return {
    state: { ...state, waiting: state.waiting.filter(entry => !isOver(entry)) },
    effects: [
      ...state.waiting
        .filter(isOver)
        .map((entry): SlotEffect => ({ kind: 'reply', request: entry.request, reply: { kind: 'cancelled', stopped: [...entry.stopped] } })),
      { kind: 'changed' }
    ]
  }
}

/** What has not begun goes back to whoever gave it. */
function onDrain (state: SlotState, drain: boolean): SlotStep {
  const effects: SlotEffect[] = drain === state.draining ? [] : [{ kind: 'changed' }]

  state = { ...state, draining: drain }

  for (const [at, place] of state.places.entries()) {
    if (drain && place.kind === 'running' && place.marked < place.executions.length) {
      effects.push({ kind: 'reply', request: place.request, reply: { kind: 'returned', executions: place.executions.slice(place.marked), reason: 'draining' } })
      state = dropWaiting(state, at, place)
    }
  }

  return { state, effects }
}

/** Forgets what is not in the journal: it may begin somewhere else, or here by another START. */
function dropWaiting (state: SlotState, at: number, place: RunningPlace): SlotState {
  return put(
    { ...state, known: withKnown(state.known, place.executions.slice(place.marked), undefined) },
    at,
    { ...place, executions: place.executions.slice(0, place.marked) }
  )
}

/** Reasons that hold for AVAILABLE as for START. */
function cannotTake (state: SlotState, execution: string): Extract<StartOutcome, { kind: 'known' | 'refused' | 'busy' }> | undefined {
  const known = stateOf(state.known, execution)

  if (known != null) {
    return { kind: 'known', state: known }
  }

  if (state.cancelled.has(jobOf(execution))) {
    return { kind: 'refused', reason: 'the job is cancelled' }
  }

  if (state.refusal != null) {
    return { kind: 'refused', reason: state.refusal }
  }

  if (state.draining) {
    return { kind: 'busy', reason: 'draining' }
  }
}

function freeWhere (state: SlotState, over: (place: Extract<Place, { kind: 'reserved' }>) => boolean): SlotStep {
  return state.places.some(place => place.kind === 'reserved' && over(place))
    ? { state: { ...state, places: state.places.map(place => place.kind === 'reserved' && over(place) ? FREE : place) }, effects: [{ kind: 'changed' }] }
    : { state, effects: [] }
}

/** Place that is reserved for it by that master, or -1. */
function reservationOf ({ places }: SlotState, { execution, claim }: { execution: string, claim: Claim }): number {
  return places.findIndex(place => place.kind === 'reserved' && place.execution === execution && place.claim.master === claim.master)
}

/** Place in which it runs or waits, or -1. */
function placeOf ({ places }: SlotState, execution: string): number {
  return places.findIndex(place => place.kind === 'running' && place.executions.includes(execution))
}

function isMeasured (place: Place | undefined): boolean {
  return place != null && place.kind !== 'free' && place.measured
}

function put (state: SlotState, at: number, place: Place): SlotState {
  return { ...state, places: state.places.with(at, place) }
}

function busyReason (place: Place): string {
  return place.kind === 'free' ? 'free' : `${place.kind} for job ${shortJobId(jobOf(place.kind === 'reserved' ? place.execution : place.executions[0] ?? ''))}`
}

function jobOf (execution: string): string {
  return parseExecutionId(execution).job
}

function answer (state: SlotState, request: number, reply: SlotAnswer): SlotStep {
  return { state, effects: [{ kind: 'reply', request, reply }] }
}
