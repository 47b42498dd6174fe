import { compareClaims } from '../claim.ts'
import { stateOf, withKnown } from './known-executions.ts'
import { jobOf, placeOf, placesFor, put, reservationOf } from './slot-places.ts'
import { FREE, LEASE_MS, MARKED_AHEAD } from './slot-state.ts'
import type { Place, RunningPlace, SlotEffect, SlotEvent, SlotState, SlotStep } from './slot-state.ts'
import type { SlotAnswer, SlotCommand, StartOutcome } from '../../node/protocol/slot/messages.ts'

type RequestEvent = Extract<SlotEvent, { kind: 'request' }>
type StartMessage = Extract<SlotCommand, { kind: 'start' }>

const RESERVATION_ENDED: SlotAnswer = { kind: 'refused', reason: 'the reservation has ended: ask again with AVAILABLE' }

/** What the slot is after an event, and what is to be done, in this order. */
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
      return onCancel(state, request, message)
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
  const runsHere = state.places.some(place => place.kind === 'running' && jobOf(place.executions[0] ?? '') === message.jobId)
  const accepted: string[] = []
  const outcomes = message.executions.map((execution): StartOutcome => {
    const refused = accepted.includes(execution) ? { kind: 'known' as const, state: 'queued' as const } : cannotTake(state, execution)

    if (refused != null) {
      return refused
    }

    if (typeof free === 'string') {
      return message.reserved ? { kind: 'refused', reason: free } : { kind: 'busy', reason: free }
    }

    // the coordinator that gave the other one may be one that this coordinator cannot hear
    if (start.distinct && (runsHere || accepted.length > 0)) {
      return { kind: 'busy', reason: 'another task of its job runs here, and they are for different workers' }
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

function onCancel (state: SlotState, request: number, { claim, job, proof }: Extract<SlotCommand, { kind: 'cancel' }>): SlotStep {
  const effects: SlotEffect[] = []
  const stopped: string[] = []
  const known = state.cancelled.get(job)

  // a word that proves it takes the place of one that does not
  if (known == null || (known.proof == null && proof != null)) {
    const word = { master: claim.master, ...(proof == null ? {} : { proof }) }

    state = { ...state, cancelled: new Map(state.cancelled).set(job, word) }
    effects.push({ kind: 'persist-cancel', job, word })
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

  const cancel = state.cancelled.get(jobOf(execution))

  if (cancel != null) {
    return { kind: 'refused', reason: 'the job is cancelled', cancel }
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

function answer (state: SlotState, request: number, reply: SlotAnswer): SlotStep {
  return { state, effects: [{ kind: 'reply', request, reply }] }
}
