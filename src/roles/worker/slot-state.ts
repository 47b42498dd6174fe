import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { compareClaims } from '../claim.ts'
import type { Claim, Held } from '../../node/protocol/register/messages.ts'
import type { SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'

/**
 * The slot: a worker's only place to run, and the only lock there is. Two
 * coordinators that do not know of each other may both ask; the slot serves one.
 *
 *   FREE -> RESERVED (a lease) -> RUNNING (ends only by exit, limit or cancel) -> FREE
 *
 * Pure: no clock, no I/O. The shell carries out the effects in order, and a
 * `persist` is on disk before the next effect begins.
 */

/** How long a reservation lives without being renewed. */
export const LEASE_MS = 5_000

export type SlotPhase =
  | { kind: 'free' }
  | { kind: 'reserved', execution: string, claim: Claim, leaseEndsMs: number, /** How long it has waited for a quiet machine, once it was asked to. */ quietWaitMs?: number }
  | { kind: 'running', execution: string }

export interface SlotState {
  /** The highest claim seen, on disk; lower ones are answered STALE. */
  highest?: Claim
  phase: SlotPhase
  draining: boolean
  /** Why this worker takes no work at all, e.g. no box can be built. */
  refusal?: string
  /** What the journal knows; a START of any of these is answered with it, never run again. */
  known: ReadonlyMap<string, Held['state']>
  /** Jobs whose later STARTs are refused. */
  cancelled: ReadonlySet<string>
  /** Cancels that are answered when the running execution is reaped. */
  waiting: ReadonlyArray<{ request: number, job: string }>
}

export type SlotEvent =
  /** `request` names the stream to answer on; `from` is its noise-proven peer. */
  | { kind: 'request', request: number, from: string, message: SlotRequest, nowMs: number, hasPayload: boolean }
  /** The stream of a reservation has ended without START. */
  | { kind: 'stream-closed', execution: string, from: string }
  | { kind: 'tick', nowMs: number }
  /** The wait for a quiet machine that this renewal asked for is over. */
  | { kind: 'settled', request: number, message: Extract<SlotRequest, { kind: 'renew' }>, quietWaitMs: number, nowMs: number }
  /** The execution is over: reaped, and its result on disk. */
  | { kind: 'ended', execution: string }
  | { kind: 'drain', drain: boolean }

export type SlotEffect =
  | { kind: 'persist-claim', claim: Claim }
  /** Execution started: the record that forbids a second run. */
  | { kind: 'persist-start', execution: string }
  | { kind: 'persist-cancel', job: string }
  | { kind: 'reply', request: number, reply: SlotReply }
  | { kind: 'start', execution: string, job: Uint8Array, startAtMs?: number, startErrorMs?: number, quietWaitMs?: number }
  /** Wait for a quiet machine, then `settled`; meanwhile other events come. */
  | { kind: 'settle', request: number, message: Extract<SlotRequest, { kind: 'renew' }>, quietMs: number }
  | { kind: 'stop', execution: string }
  /** Users see another state now. */
  | { kind: 'changed' }

export interface SlotStep {
  state: SlotState
  effects: SlotEffect[]
}

const RESERVATION_ENDED: SlotReply = { kind: 'refused', reason: 'the reservation has ended: ask again with AVAILABLE' }

export function initialSlot (init: { highest?: Claim, known?: Iterable<[string, Held['state']]>, cancelled?: Iterable<string>, refusal?: string, draining?: boolean } = {}): SlotState {
  return {
    highest: init.highest,
    phase: { kind: 'free' },
    draining: init.draining === true,
    refusal: init.refusal,
    known: new Map(init.known ?? []),
    cancelled: new Set(init.cancelled ?? []),
    waiting: []
  }
}

export function stepSlot (state: SlotState, event: SlotEvent): SlotStep {
  switch (event.kind) {
    case 'request':
      return onRequest(state, event)
    case 'stream-closed':
      return state.phase.kind === 'reserved' && state.phase.execution === event.execution && state.phase.claim.master === event.from
        ? free(state)
        : { state, effects: [] }
    case 'tick':
      return state.phase.kind === 'reserved' && state.phase.leaseEndsMs <= event.nowMs ? free(state) : { state, effects: [] }
    case 'settled':
      return onSettled(state, event)
    case 'ended':
      return onEnded(state, event.execution)
    case 'drain':
      return event.drain === state.draining
        ? { state, effects: [] }
        : { state: { ...state, draining: event.drain }, effects: [{ kind: 'changed' }] }
  }
}

function free (state: SlotState): SlotStep {
  return { state: { ...state, phase: { kind: 'free' } }, effects: [{ kind: 'changed' }] }
}

function onRequest (state: SlotState, event: Extract<SlotEvent, { kind: 'request' }>): SlotStep {
  const { message, request, from } = event

  if (message.claim.master !== from) {
    return answer(state, request, { kind: 'refused', reason: `the claim names master ${message.claim.master}, but ${from} sent it` })
  }

  if (state.highest != null && compareClaims(message.claim, state.highest) < 0) {
    return answer(state, request, { kind: 'stale', highest: state.highest })
  }

  const before: SlotEffect[] = []

  if (state.highest == null || compareClaims(message.claim, state.highest) > 0) {
    state = { ...state, highest: message.claim }
    before.push({ kind: 'persist-claim', claim: message.claim })
  }

  const step = onAccepted(state, event)

  return { state: step.state, effects: [...before, ...step.effects] }
}

function onAccepted (state: SlotState, event: Extract<SlotEvent, { kind: 'request' }>): SlotStep {
  const { message, request } = event

  switch (message.kind) {
    case 'available': {
      const refused = cannotTake(state, message.execution)

      if (refused != null) {
        return answer(state, request, refused)
      }

      const { phase } = state

      // a coordinator with a higher claim takes over what is only reserved
      const mayReserve = phase.kind === 'free' ||
        (phase.kind === 'reserved' && (phase.execution === message.execution || compareClaims(message.claim, phase.claim) > 0))

      if (!mayReserve) {
        return answer(state, request, { kind: 'busy', reason: busyReason(phase) })
      }

      return {
        state: {
          ...state,
          phase: { kind: 'reserved', execution: message.execution, claim: message.claim, leaseEndsMs: event.nowMs + LEASE_MS }
        },
        effects: [{ kind: 'reply', request, reply: { kind: 'ready', leaseMs: LEASE_MS, hasPayload: event.hasPayload } }, { kind: 'changed' }]
      }
    }

    case 'renew': {
      const { phase } = state

      if (!holds(phase, message)) {
        return answer(state, request, RESERVATION_ENDED)
      }

      if (message.quietMs != null && message.quietMs > 0) {
        return {
          state: { ...state, phase: { ...phase, leaseEndsMs: event.nowMs + message.quietMs + LEASE_MS } },
          effects: [{ kind: 'settle', request, message, quietMs: message.quietMs }]
        }
      }

      return renewed(state, phase, request, event.nowMs)
    }

    case 'start': {
      const refused = cannotTake(state, message.execution)

      if (refused != null) {
        return answer(state, request, refused)
      }

      if (!holds(state.phase, message)) {
        return answer(state, request, { kind: 'refused', reason: 'not reserved for this execution: the lease has ended or another coordinator has it' })
      }

      return {
        state: {
          ...state,
          phase: { kind: 'running', execution: message.execution },
          known: new Map(state.known).set(message.execution, 'running')
        },
        effects: [
          { kind: 'persist-start', execution: message.execution },
          { kind: 'reply', request, reply: { kind: 'started' } },
          {
            kind: 'start',
            execution: message.execution,
            job: message.job,
            startAtMs: message.startAtMs,
            startErrorMs: message.startErrorMs,
            quietWaitMs: state.phase.quietWaitMs
          },
          { kind: 'changed' }
        ]
      }
    }

    case 'rollback': {
      const step = holds(state.phase, message) ? free(state) : { state, effects: [] }

      return { state: step.state, effects: [...step.effects, { kind: 'reply', request, reply: { kind: 'rolled-back' } }] }
    }

    case 'cancel':
      return onCancel(state, request, message.job)
  }
}

function onSettled (state: SlotState, { request, message, quietWaitMs, nowMs }: Extract<SlotEvent, { kind: 'settled' }>): SlotStep {
  const { phase } = state

  return holds(phase, message)
    ? renewed(state, { ...phase, quietWaitMs: (phase.quietWaitMs ?? 0) + quietWaitMs }, request, nowMs)
    : answer(state, request, RESERVATION_ENDED)
}

function renewed (state: SlotState, phase: Extract<SlotPhase, { kind: 'reserved' }>, request: number, nowMs: number): SlotStep {
  return {
    state: { ...state, phase: { ...phase, leaseEndsMs: nowMs + LEASE_MS } },
    effects: [{ kind: 'reply', request, reply: { kind: 'renewed', leaseMs: LEASE_MS } }]
  }
}

function onCancel (state: SlotState, request: number, job: string): SlotStep {
  const effects: SlotEffect[] = []

  if (!state.cancelled.has(job)) {
    state = { ...state, cancelled: new Set(state.cancelled).add(job) }
    effects.push({ kind: 'persist-cancel', job })
  }

  const { phase } = state

  if (phase.kind === 'running' && jobOf(phase.execution) === job) {
    // answered when it is reaped
    return {
      state: { ...state, waiting: [...state.waiting, { request, job }] },
      effects: [...effects, { kind: 'stop', execution: phase.execution }]
    }
  }

  if (phase.kind === 'reserved' && jobOf(phase.execution) === job) {
    state = { ...state, phase: { kind: 'free' } }
    effects.push({ kind: 'changed' })
  }

  effects.push({ kind: 'reply', request, reply: { kind: 'cancelled', stopped: [] } })

  return { state, effects }
}

function onEnded (state: SlotState, execution: string): SlotStep {
  if (state.phase.kind !== 'running' || state.phase.execution !== execution) {
    return { state, effects: [] }
  }

  const job = jobOf(execution)

  return {
    state: {
      ...state,
      phase: { kind: 'free' },
      known: new Map(state.known).set(execution, 'finished'),
      waiting: state.waiting.filter(entry => entry.job !== job)
    },
    effects: [
      ...state.waiting
        .filter(entry => entry.job === job)
        .map((entry): SlotEffect => ({ kind: 'reply', request: entry.request, reply: { kind: 'cancelled', stopped: [execution] } })),
      { kind: 'changed' }
    ]
  }
}

/** Reasons that hold for AVAILABLE as for START. */
function cannotTake (state: SlotState, execution: string): SlotReply | undefined {
  const known = state.known.get(execution)

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

function holds (phase: SlotPhase, message: { execution: string, claim: Claim }): phase is Extract<SlotPhase, { kind: 'reserved' }> {
  return phase.kind === 'reserved' && phase.execution === message.execution && phase.claim.master === message.claim.master
}

function busyReason (phase: SlotPhase): string {
  return phase.kind === 'free' ? 'free' : `${phase.kind} for job ${shortJobId(jobOf(phase.execution))}`
}

function jobOf (execution: string): string {
  return parseExecutionId(execution).job
}

function answer (state: SlotState, request: number, reply: SlotReply): SlotStep {
  return { state, effects: [{ kind: 'reply', request, reply }] }
}
