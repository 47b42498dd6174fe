import { compareClaims } from '../../claim.ts'
import { ECHO_MS, SUSPECT_MS } from './state.ts'
import type { ElectionState, PeerLink, Renewal } from './state.ts'
import type { HeardClaim } from '../../../node/protocol/masters/messages.ts'
import type { Claim } from '../../../node/protocol/register/messages.ts'

/** Heard of late. */
export function hears (link: PeerLink, nowMs: number): boolean {
  return !link.unreachable && link.heardAtMs != null && nowMs - link.heardAtMs < SUSPECT_MS
}

/** Heard of late, and it hears us. */
export function isLive (link: PeerLink, nowMs: number): boolean {
  return hears(link, nowMs) && link.echoMs != null && nowMs - link.echoMs < ECHO_MS
}

/** Orders what is known of one claimant: a later reign, a later incarnation, a later heartbeat. */
export function compareRenewals (a: Renewal, b: Renewal): number {
  return a.claim.term - b.claim.term ||
    (a.incarnation < b.incarnation ? -1 : a.incarnation > b.incarnation ? 1 : a.renewal - b.renewal)
}

export function raiseFloor (state: ElectionState, renewal: Renewal): void {
  const { master } = renewal.claim
  const floor = state.floors.get(master)

  if (floor == null || compareRenewals(renewal, floor) > 0) {
    state.floors.set(master, renewal)
  }
}

/**
 * The claims of others that are live, by claimant, with the latest renewal that
 * is known. Whoever is linked to the claimant passes its renewals on, so that
 * masters which do not hear the claimant itself follow it too; since only the
 * claimant makes renewals grow, none outlives it by going in circles.
 */
export function liveClaims (state: ElectionState): Map<string, Renewal> {
  const claims = new Map<string, Renewal>()

  for (const { live, says, saysAtMs } of state.peers.values()) {
    if (!live || says == null || says.claim.master === state.me || state.clockMs - saysAtMs >= SUSPECT_MS) {
      continue
    }

    const floor = state.floors.get(says.claim.master)
    const known = claims.get(says.claim.master)

    if ((floor == null || compareRenewals(says, floor) > 0) && (known == null || compareRenewals(says, known) > 0)) {
      claims.set(says.claim.master, says)
    }
  }

  return claims
}

/** The one that stays when several meet. */
export function highestOf (claims: Iterable<Renewal>): Renewal | undefined {
  let highest: Renewal | undefined

  for (const renewal of claims) {
    if (highest == null || compareClaims(renewal.claim, highest.claim) > 0) {
      highest = renewal
    }
  }

  return highest
}

/** What our next heartbeat says of the coordinator. */
export function claimToSay (state: ElectionState, stampMs: number): HeardClaim | undefined {
  if (state.reign != null) {
    return { claim: state.reign, incarnation: state.incarnation, renewal: stampMs, hops: 0 }
  }

  const highest = highestOf(state.seen.values())
  const nearest = highest == null ? undefined : nearestTo(state, highest.claim)

  return highest == null || nearest == null ? undefined : { ...highest, hops: nearest.hops + 1 }
}

/** The neighbour with the shortest way to the claimant, and how far that one is from it. */
export function nearestTo (state: ElectionState, claim: Claim): { peer: string, hops: number } | undefined {
  let nearest: { peer: string, hops: number } | undefined

  for (const [peer, { live, says, saysAtMs }] of state.peers) {
    if (live && says != null && isSameClaim(says.claim, claim) && state.clockMs - saysAtMs < SUSPECT_MS && (nearest == null || says.hops < nearest.hops)) {
      nearest = { peer, hops: says.hops }
    }
  }

  return nearest
}

export function isSameClaim (a: Claim | undefined, b: Claim | undefined): boolean {
  return a?.term === b?.term && a?.master === b?.master
}
