import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import { compareClaims } from '../claim.ts'
import { FREE } from './slot-state.ts'
import type { Place, SlotState } from './slot-state.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'

/**
 * Where it can be: one place, or all of them, the first being the one that it
 * is put into. A coordinator with a higher claim takes over what is only
 * reserved; what was reserved for the same execution is renewed.
 */
export function placesFor (state: SlotState, { execution, claim, measured }: { execution?: string, claim: Claim, measured: boolean }): number[] | string {
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

/** Place that is reserved for it by that master, or -1. */
export function reservationOf ({ places }: SlotState, { execution, claim }: { execution: string, claim: Claim }): number {
  return places.findIndex(place => place.kind === 'reserved' && place.execution === execution && place.claim.master === claim.master)
}

/** Place in which it runs or waits, or -1. */
export function placeOf ({ places }: SlotState, execution: string): number {
  return places.findIndex(place => place.kind === 'running' && place.executions.includes(execution))
}

export function isMeasured (place: Place | undefined): boolean {
  return place != null && place.kind !== 'free' && place.measured
}

export function put (state: SlotState, at: number, place: Place): SlotState {
  return { ...state, places: state.places.with(at, place) }
}

function busyReason (place: Place): string {
  return place.kind === 'free' ? 'free' : `${place.kind} for job ${shortJobId(jobOf(place.kind === 'reserved' ? place.execution : place.executions[0] ?? ''))}`
}

export function jobOf (execution: string): string {
  return parseExecutionId(execution).job
}
