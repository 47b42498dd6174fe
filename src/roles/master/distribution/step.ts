import { chooseSource } from './choose.ts'
import { ROOT, availableAt, childrenOf, msPerChunk } from './state.ts'
import type { PlanEffect, PlanEvent, PlanNode, PlanState } from './state.ts'

/** A link over which nothing comes for this long, although the sender has more, has stalled; twice as long at every next attempt. */
const STALL_MS = 4_000
const MAX_STALL_MS = 60_000

/** Nor before this many times what a chunk takes. */
const STALL_CHUNKS = 6

/** A link is not called slow before it has been busy for this long. */
const SLOW_AFTER_MS = 1_000

/** The one who waits behind a link this much slower than what its sender had is moved to that sender. */
const SLOW = 2

/** Steps the plan in place. Every receiver that is wanted ends `served` or `failed`, unless it is dropped. */
export function stepPlan (state: PlanState, event: PlanEvent): PlanEffect[] {
  const effects: PlanEffect[] = []

  switch (event.kind) {
    case 'want':
    case 'holds':
      onKnown(state, event, effects)
      break
    case 'drop':
      onDrop(state, event.worker, event.nowMs, effects)
      break
    case 'unable':
      leaveOut(state, state.nodes.get(event.worker), { reason: event.reason, lied: false }, event.nowMs, effects)
      break
    case 'progress':
      onProgress(state, event)
      break
    case 'complete':
      onComplete(state, event.worker, event.nowMs, effects)
      break
    case 'refused':
      onRefused(state, event, effects)
      break
    case 'lied':
      onLied(state, event, effects)
      break
    case 'link-failed':
      onLinkFailed(state, event, effects)
      break
    case 'link-done': {
      const node = state.nodes.get(event.to)

      // unless the receiver says so soon, that was not true
      if (node?.parent === event.from) {
        node.behindSinceMs ??= event.nowMs
      }

      break
    }
    case 'uploaded':
      state.uploaded += event.chunks
      break
    case 'tick':
      onTick(state, event.nowMs, effects)
      break
  }

  return effects
}

function onKnown (state: PlanState, { kind, worker, relays, msPerChunk, nowMs }: Extract<PlanEvent, { kind: 'want' | 'holds' }>, effects: PlanEffect[]): void {
  let node = state.nodes.get(worker)

  if (node == null) {
    node = { id: worker, wanted: false, relays, complete: false, chunks: 0, gained: 0, busyMs: 0, expectedMsPerChunk: msPerChunk, failed: new Map(), stalls: 0, lastResort: false, accuses: new Set() }
    state.nodes.set(worker, node)
  }

  node.relays = relays

  if (kind === 'holds') {
    node.complete = true
    node.chunks = state.chunks
    return
  }

  if (![...state.nodes.values()].some(({ wanted, parent }) => wanted || parent != null)) {
    startAfresh(state)
  }

  // asked for again: it may have lost what it had, and what failed before may go well now
  node.wanted = true
  node.complete = false

  if (node.parent == null) {
    node.chunks = 0
    attach(state, node, nowMs, effects)
  }
}

/** What was wrong in an earlier distribution of it may be right now. Lies are not forgotten. */
function startAfresh (state: PlanState): void {
  for (const node of state.nodes.values()) {
    node.failed.clear()
    node.accuses.clear()
    node.stalls = 0
    node.lastResort = false
    node.leftOut = node.leftOut?.lied === true ? node.leftOut : undefined
  }
}

function onDrop (state: PlanState, worker: string, nowMs: number, effects: PlanEffect[]): void {
  const node = state.nodes.get(worker)

  if (node == null) {
    return
  }

  const children = childrenOf(state, worker)

  detach(node, effects)
  state.nodes.delete(worker)
  children.forEach(child => { attachElsewhere(state, child, nowMs, effects) })
}

function onProgress (state: PlanState, { worker, chunks, nowMs }: Extract<PlanEvent, { kind: 'progress' }>): void {
  const node = state.nodes.get(worker)

  if (node == null || node.complete || chunks <= node.chunks) {
    return
  }

  settle(node, nowMs)
  node.gained += chunks - node.chunks
  node.chunks = Math.min(chunks, state.chunks)
  watch(state, node, nowMs)

  for (const child of childrenOf(state, worker)) {
    // its own time begins only when there is something to have
    if (child.behindSinceMs == null) {
      watch(state, child, nowMs)
    }
  }
}

function onComplete (state: PlanState, worker: string, nowMs: number, effects: PlanEffect[]): void {
  const node = state.nodes.get(worker)

  if (node == null || node.complete) {
    return
  }

  settle(node, nowMs)
  node.gained += state.chunks - node.chunks
  node.chunks = state.chunks
  node.complete = true
  node.parent = undefined
  node.behindSinceMs = undefined

  if (node.wanted) {
    node.wanted = false
    effects.push({ kind: 'served', worker })
  }

  childrenOf(state, worker).forEach(child => {
    if (child.behindSinceMs == null) {
      watch(state, child, nowMs)
    }
  })
}

function onRefused (state: PlanState, { worker, reason, nowMs }: Extract<PlanEvent, { kind: 'refused' }>, effects: PlanEffect[]): void {
  const node = state.nodes.get(worker)

  if (node == null || node.complete) {
    return
  }

  giveUp(state, node, reason, true, nowMs, effects)
}

function onLied (state: PlanState, { worker, sender, nowMs }: Extract<PlanEvent, { kind: 'lied' }>, effects: PlanEffect[]): void {
  const accuser = state.nodes.get(worker)

  // only of whom it was told to expect something
  if (accuser == null || (accuser.parent !== sender && !accuser.failed.has(sender))) {
    return
  }

  accuser.failed.set(sender, 'lied')
  accuse(state, accuser, sender, { reason: 'it sent what is not the payload', lied: true }, nowMs, effects)

  if (accuser.parent === sender) {
    attachElsewhere(state, accuser, nowMs, effects)
  }
}

/** One that accuses everybody is more likely to be the one that is wrong. */
function accuse (state: PlanState, accuser: PlanNode, sender: string, blame: NonNullable<PlanNode['leftOut']>, nowMs: number, effects: PlanEffect[]): void {
  accuser.accuses.add(sender)

  if (accuser.accuses.size > 1) {
    clear(state, accuser, effects)
  } else {
    leaveOut(state, state.nodes.get(sender), blame, nowMs, effects)
  }
}

/** Whom only this one accuses counts again. */
function clear (state: PlanState, accuser: PlanNode, effects: PlanEffect[]): void {
  for (const id of accuser.accuses) {
    const accused = state.nodes.get(id)
    const others = [...state.nodes.values()].some(node => node !== accuser && node.accuses.size === 1 && node.accuses.has(id))

    if (accused?.leftOut != null && !others) {
      accused.leftOut = undefined
      effects.push({ kind: 'cleared', worker: id })
    }
  }
}

function onLinkFailed (state: PlanState, { from, to, reason, own, nowMs }: Extract<PlanEvent, { kind: 'link-failed' }>, effects: PlanEffect[]): void {
  const node = state.nodes.get(to)

  if (node?.parent === from) {
    settle(node, nowMs)
    node.parent = undefined
    node.behindSinceMs = undefined
    node.failed.set(from, 'broken')

    // the coordinator's own word: there is no way to it
    if (from === ROOT) {
      giveUp(state, node, reason, false, nowMs, effects)
    } else {
      if (own) {
        leaveOut(state, state.nodes.get(from), { reason, lied: false }, nowMs, effects)
      }

      attach(state, node, nowMs, effects)
    }
  }
}

function onTick (state: PlanState, nowMs: number, effects: PlanEffect[]): void {
  for (const node of [...state.nodes.values()]) {
    if (node.parent != null && node.behindSinceMs != null) {
      if (nowMs - node.behindSinceMs >= patience(node)) {
        onStalled(state, node, nowMs, effects)
      } else {
        passBy(state, node, nowMs, effects)
      }
    }
  }
}

/** Sender or receiver: nobody can tell yet. Both are worked around. */
function onStalled (state: PlanState, node: PlanNode, nowMs: number, effects: PlanEffect[]): void {
  const from = node.parent!

  settle(node, nowMs)
  detach(node, effects)
  node.failed.set(from, 'stalled')
  node.stalls++
  accuse(state, node, from, { reason: 'nothing came from it', lied: false }, nowMs, effects)

  // what waits behind it would wait for nothing if it is the one
  childrenOf(state, node.id).forEach(child => {
    child.failed.set(node.id, 'broken')
    attachElsewhere(state, child, nowMs, effects)
  })

  if (state.nodes.has(node.id)) {
    attach(state, node, nowMs, effects)
  }
}

/** Those who wait behind a slow one get it from where that one gets it. */
function passBy (state: PlanState, node: PlanNode, nowMs: number, effects: PlanEffect[]): void {
  const sender = state.nodes.get(node.parent ?? '')
  const theirs = sender == null ? undefined : msPerChunk(sender)
  const busyMs = node.busyMs + nowMs - (node.behindSinceMs ?? nowMs)

  if (sender == null || theirs == null || busyMs < SLOW_AFTER_MS || busyMs / Math.max(node.gained, 1) < SLOW * theirs) {
    return
  }

  const [waiting] = childrenOf(state, node.id).filter(({ behindSinceMs, failed }) => behindSinceMs == null && !failed.has(sender.id))

  if (waiting != null && sender.leftOut == null && sender.relays && childrenOf(state, sender.id).length < 2) {
    detach(waiting, effects)
    link(state, waiting, sender.id, nowMs, effects)
  }
}

function leaveOut (state: PlanState, node: PlanNode | undefined, leftOut: NonNullable<PlanNode['leftOut']>, nowMs: number, effects: PlanEffect[]): void {
  if (node == null || node.leftOut != null) {
    return
  }

  node.leftOut = leftOut
  effects.push({ kind: 'left-out', worker: node.id, reason: leftOut.reason })
  childrenOf(state, node.id).forEach(child => { attachElsewhere(state, child, nowMs, effects) })
}

/** It will not be there: those who get it from here get it from elsewhere. */
function giveUp (state: PlanState, node: PlanNode, reason: string, refused: boolean, nowMs: number, effects: PlanEffect[]): void {
  const { wanted } = node

  onDrop(state, node.id, nowMs, effects)

  if (wanted) {
    effects.push({ kind: 'failed', worker: node.id, reason, refused })
  }
}

function attachElsewhere (state: PlanState, node: PlanNode, nowMs: number, effects: PlanEffect[]): void {
  detach(node, effects)
  attach(state, node, nowMs, effects)
}

function attach (state: PlanState, node: PlanNode, nowMs: number, effects: PlanEffect[]): void {
  // given up meanwhile
  if (state.nodes.get(node.id) !== node) {
    return
  }

  let source = chooseSource(state, node)

  // a link may be so slow that every source seemed to have stalled
  if (source == null && !node.lastResort && node.failed.get(ROOT) === 'stalled') {
    node.lastResort = true
    source = ROOT
  }

  if (source == null) {
    giveUp(state, node, `nobody could give it the payload: ${[...node.failed].map(([id, how]) => `${id.slice(-8)} ${how}`).join(', ')}`, false, nowMs, effects)
  } else {
    link(state, node, source, nowMs, effects)
  }
}

function link (state: PlanState, node: PlanNode, from: string, nowMs: number, effects: PlanEffect[]): void {
  node.parent = from
  node.behindSinceMs = undefined
  watch(state, node, nowMs)
  effects.push({ kind: 'link', from, to: node.id })
}

function detach (node: PlanNode, effects: PlanEffect[]): void {
  if (node.parent != null) {
    effects.push({ kind: 'unlink', from: node.parent, to: node.id })
    node.parent = undefined
    node.behindSinceMs = undefined
  }
}

/** Begins to count the time in which it could have had more. */
function watch (state: PlanState, node: PlanNode, nowMs: number): void {
  node.behindSinceMs = node.parent != null && availableAt(state, node.parent) > node.chunks ? nowMs : undefined
}

/** What was counted is over. */
function settle (node: PlanNode, nowMs: number): void {
  node.busyMs += node.behindSinceMs == null ? 0 : nowMs - node.behindSinceMs
}

function patience (node: PlanNode): number {
  return node.lastResort ? MAX_STALL_MS : Math.max(Math.min(STALL_MS * 2 ** node.stalls, MAX_STALL_MS), STALL_CHUNKS * (msPerChunk(node) ?? 0))
}
