import { compareClaims } from '../../claim.ts'
import { claimToSay, compareRenewals, hears, highestOf, isLive, isSameClaim, liveClaims, nearestTo, raiseFloor } from './claims.ts'
import { BEAT_MS, DETOUR_MS, MAX_DELAY_MS, MAX_TERM_STEP, MAX_YIELD_MS, newLink, PATIENCE_MS, PAUSE_MS, RETRY_MS, SETTLE_MS, SUSPECT_MS, YIELD_MS } from './state.ts'
import type { ElectionEffect, ElectionEvent, ElectionState, PeerLink } from './state.ts'
import type { Beat } from '../../../node/protocol/masters/messages.ts'
import type { Claim } from '../../../node/protocol/register/messages.ts'

/**
 * One step of a master's part in the election: applies the event to the state
 * (in place) and returns what to do, in order. No clock, no randomness, no I/O.
 *
 * 1. Only links that carry heartbeats in both directions count.
 * 2. A live claimant is never displaced, also one that is known through others.
 * 3. Who sees no live claim, has heard all its neighbours say the same, and is
 *    the lowest of them, claims the highest term + 1, once that is on its disk.
 * 4. Of two claimants that meet the one with the higher (term, master) stays.
 */
export function stepElection (state: ElectionState, event: ElectionEvent): ElectionEffect[] {
  const effects: ElectionEffect[] = []

  advance(state, event.nowMs)
  apply(state, event, effects)
  judge(state, effects)

  if (event.kind === 'tick') {
    campaign(state, event.random, effects)
  }

  return effects
}

/** The heartbeat for one master, stamped (which is noted in the state). */
export function beatFor (state: ElectionState, peer: string, nowMs: number): Beat | undefined {
  advance(state, nowMs)

  const link = state.peers.get(peer)

  if (link == null) {
    return undefined
  }

  const sentMs = Math.max(Math.floor(state.clockMs), link.stampMs + 1)

  link.stampMs = sentMs

  return {
    incarnation: state.incarnation,
    sentMs,
    term: state.term,
    claim: claimToSay(state, sentMs),
    heard: link.incarnation != null && hears(link, state.clockMs) ? { incarnation: link.incarnation, sentMs: link.sentMs } : undefined
  }
}

/** Masters with a link that works in both directions, as found at the last step. */
export function livePeers (state: ElectionState): string[] {
  return [...state.peers].filter(([, { live }]) => live).map(([peer]) => peer)
}

/** Whom to ask on the way to the coordinator: itself, or a master that is nearer to it. Undefined when there is none, or when it is this one. */
export function routeToCoordinator (state: ElectionState): string | undefined {
  return state.coordinator == null || state.reign != null ? undefined : nearestTo(state, state.coordinator)?.peer
}

/** Time in which this process did not run is not counted. */
function advance (state: ElectionState, nowMs: number): void {
  const gapMs = nowMs - (state.lastEventMs ?? nowMs)

  state.lastEventMs = Math.max(nowMs, state.lastEventMs ?? nowMs)

  if (gapMs > PAUSE_MS) {
    state.judgeFromMs = state.clockMs + BEAT_MS
  } else {
    state.clockMs += Math.max(0, gapMs)
  }
}

function apply (state: ElectionState, event: ElectionEvent, effects: ElectionEffect[]): void {
  switch (event.kind) {
    case 'start':
      state.started = true
      return
    case 'tick':
      return
    case 'beat':
      return onBeat(state, event.peer, event.beat, effects)
    case 'peer-added':
      if (event.peer !== state.me && !state.peers.has(event.peer)) {
        state.peers.set(event.peer, newLink(state.clockMs))
      }
      return
    case 'peer-removed':
      state.peers.delete(event.peer)
      state.floors.delete(event.peer)
      return
    case 'unreachable': {
      const link = state.peers.get(event.peer)

      if (link != null) {
        link.unreachable = true
      }
      return
    }
    case 'stale':
      return onRefused(state, event.highest, effects)
    case 'worker-claim':
      return onRefused(state, event.claim, effects)
    case 'term-persisted':
      return onPersisted(state, event.term, effects)
    case 'term-failed':
      if (state.persisting === event.term) {
        state.persisting = undefined
        state.notBeforeMs = state.clockMs + RETRY_MS
      }
      return
    default:
      event satisfies never
  }
}

function onBeat (state: ElectionState, peer: string, beat: Beat, effects: ElectionEffect[]): void {
  if (peer === state.me) {
    return
  }

  const link = linkOf(state, peer)

  if (isOutdated(link, beat, state.clockMs)) {
    return
  }

  const now = state.clockMs
  const known = hears(link, now)
  const heardUs = link.echoMs != null
  const echo = beat.heard?.incarnation === state.incarnation ? beat.heard.sentMs : undefined
  const before = link.incarnation === beat.incarnation ? link.says : undefined

  link.incarnation = beat.incarnation
  link.sentMs = beat.sentMs
  link.term = beat.term
  link.heardAtMs = now
  link.unreachable = false
  // nobody has heard what was not sent yet
  link.echoMs = echo == null ? undefined : Math.min(echo, now)
  link.says = beat.claim

  if (beat.claim != null && (before == null || before.claim.master !== beat.claim.claim.master || compareRenewals(beat.claim, before) > 0)) {
    link.saysAtMs = now
  }

  // it comes, or it has just lost us: it may be a link in both directions in a moment
  if (!known || (heardUs && echo == null)) {
    link.contactMs = now
  }

  state.term = Math.max(state.term, beat.term, beat.claim?.claim.term ?? 0)

  if (beat.claim?.claim.master !== peer) {
    // it says itself that it reigns no longer: whatever others heard of it before is void
    raiseFloor(state, { claim: { term: beat.term, master: peer }, incarnation: beat.incarnation, renewal: beat.sentMs })
  }

  if (echo == null) {
    effects.push({ kind: 'beat', to: peer })
  }
}

function linkOf (state: ElectionState, peer: string): PeerLink {
  const link = state.peers.get(peer) ?? newLink(state.clockMs)

  state.peers.set(peer, link)

  return link
}

/** Late on its way: of an incarnation that has ended, or before one that came already. */
function isOutdated (link: PeerLink, beat: Beat, nowMs: number): boolean {
  if (link.incarnation === beat.incarnation) {
    return beat.sentMs <= link.sentMs
  }

  return link.incarnation != null && beat.incarnation < link.incarnation && hears(link, nowMs)
}

/**
 * A worker obeys somebody else: this master reigns no longer, and claims anew
 * after one heartbeat if it still sees no live claim. A rival that comes back
 * each time is alive on the other side of a partition, and both would go on
 * displacing each other: then the higher peer id yields, for longer each time.
 */
function onRefused (state: ElectionState, highest: Claim, effects: ElectionEffect[]): void {
  const { reign } = state

  if (isLie(state, highest.term)) {
    return
  }

  state.term = Math.max(state.term, highest.term)

  if (reign == null || compareClaims(highest, reign) <= 0) {
    return
  }

  const now = state.clockMs
  const { rival } = state
  // it has claimed after our claim had displaced it
  const again = rival != null && rival.claim.master === highest.master && highest.master !== state.me &&
    highest.term > rival.claim.term && reign.term > rival.claim.term && now - rival.atMs < 2 * MAX_YIELD_MS
  const times = again ? rival.times + 1 : 0

  state.rival = { claim: highest, times, atMs: now }
  state.notBeforeMs = now + (times > 0 && highest.master < state.me ? Math.min(YIELD_MS * 2 ** times, MAX_YIELD_MS) : BEAT_MS)
  standDown(state, effects)
}

function onPersisted (state: ElectionState, term: number, effects: ElectionEffect[]): void {
  if (state.persisting !== term) {
    return
  }

  state.persisting = undefined

  // a claim that was heard of meanwhile goes first, and a term that was seen is not claimed any more
  if (state.term > term || liveClaims(state).size > 0 || state.clockMs < Math.max(state.notBeforeMs, state.judgeFromMs)) {
    return
  }

  state.reign = { term, master: state.me }
  state.candidate = undefined
  effects.push({ kind: 'reign', claim: state.reign })
}

/** Finds out which links and which claims are live, and draws the conclusions. */
function judge (state: ElectionState, effects: ElectionEffect[]): void {
  if (state.clockMs < state.judgeFromMs) {
    return
  }

  for (const [peer, link] of state.peers) {
    const heard = hears(link, state.clockMs)

    // what others say of it counts if they have heard it later than we have
    if (link.heard && !heard && link.says?.claim.master === peer) {
      raiseFloor(state, link.says)
    }

    link.heard = heard
    link.live = isLive(link, state.clockMs)
  }

  const claims = liveClaims(state)

  for (const [master, renewal] of state.seen) {
    if (!claims.has(master)) {
      raiseFloor(state, renewal)
    }
  }

  state.seen = claims

  const highest = highestOf(claims.values())?.claim

  if (state.reign != null && highest != null && compareClaims(highest, state.reign) > 0) {
    standDown(state, effects)
  }

  const coordinator = state.reign ?? highest

  if (coordinator != null) {
    state.indirect = state.reign == null && state.peers.get(coordinator.master)?.live !== true
  }

  if (!isSameClaim(coordinator, state.coordinator)) {
    state.coordinator = coordinator
    effects.push({ kind: 'coordinator', claim: coordinator }, { kind: 'beat' })
  }
}

function standDown (state: ElectionState, effects: ElectionEffect[]): void {
  state.reign = undefined
  effects.push({ kind: 'stand-down' })
}

function campaign (state: ElectionState, random: number, effects: ElectionEffect[]): void {
  if (!state.started || state.clockMs < state.judgeFromMs) {
    return
  }

  if (state.coordinator != null) {
    state.candidate = undefined
    return
  }

  const alone = ![...state.peers.values()].some(link => isLive(link, state.clockMs))

  state.candidate ??= { sinceMs: state.clockMs, dueMs: state.clockMs + (alone ? 0 : random * MAX_DELAY_MS + (state.indirect ? DETOUR_MS : 0)) }

  const { sinceMs, dueMs } = state.candidate

  if (state.persisting != null || state.clockMs < dueMs || state.clockMs < state.notBeforeMs) {
    return
  }

  if (state.clockMs - sinceMs >= PATIENCE_MS || [...state.peers].every(([peer, link]) => leavesItToUs(state, peer, link, sinceMs))) {
    state.term++
    state.persisting = state.term
    effects.push({ kind: 'persist-term', term: state.term })
  }
}

/** Gone for certain, or a neighbour with a higher id that has said since that it sees no live claim either. */
function leavesItToUs (state: ElectionState, peer: string, link: PeerLink, sinceMs: number): boolean {
  if (isLive(link, state.clockMs)) {
    return peer > state.me && link.says == null && link.heardAtMs! > sinceMs
  }

  return link.unreachable || state.clockMs - link.contactMs >= SETTLE_MS || (link.heardAtMs != null && state.clockMs - link.heardAtMs >= SUSPECT_MS)
}

/** No history explains so many terms: whoever says it would use them up for everybody. */
export function isLie (state: ElectionState, term: number): boolean {
  return term - state.term > MAX_TERM_STEP
}
