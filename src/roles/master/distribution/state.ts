/** The coordinator itself, as a source. */
export const ROOT = 'coordinator'

/** How one payload spreads: who has how much of it, and who gives it to whom. */
export interface PlanState {
  /** Of the payload. */
  readonly chunks: number
  readonly nodes: Map<string, PlanNode>
  /** Chunks that the coordinator itself has sent. */
  uploaded: number
}

export interface PlanNode {
  readonly id: string
  /** Somebody waits for it to be here. */
  wanted: boolean
  /** It may be asked to pass it on. */
  relays: boolean
  complete: boolean
  /** Verified chunks, as it says itself. */
  chunks: number
  /** Who gives it to this one at the moment. */
  parent?: string
  /** Since when that one could have given it more; undefined = it has all that its parent has. */
  behindSinceMs?: number
  /** Chunks that came while it was behind, and the time that it was; with the milliseconds per chunk of earlier transfers where this says nothing yet. */
  gained: number
  busyMs: number
  expectedMsPerChunk?: number
  /** Sources that it has had, and that came to nothing. */
  readonly failed: Map<string, 'stalled' | 'lied' | 'broken'>
  /** Links over which nothing came any more. */
  stalls: number
  /** Everybody failed it: the coordinator serves it, with more patience. */
  lastResort: boolean
  /** Sources from which it has had nothing, or what is not the payload. */
  readonly accuses: Set<string>
  /** Why it passes on nothing any more; for this time, or because it has lied, for good. */
  leftOut?: { reason: string, lied: boolean }
}

export type PlanEvent =
  /** Somebody waits for it to be there. */
  | { kind: 'want', worker: string, relays: boolean, msPerChunk?: number, nowMs: number }
  /** It has all of it, from before. */
  | { kind: 'holds', worker: string, relays: boolean, msPerChunk?: number, nowMs: number }
  /** Nobody waits for it any more, or it is gone. */
  | { kind: 'drop', worker: string, nowMs: number }
  /** It measures, or stops: it is not to pass on anything. */
  | { kind: 'unable', worker: string, reason: string, nowMs: number }
  /** In its own words: chunks that are there; all of it; it can never take it; this sender lied. */
  | { kind: 'progress', worker: string, chunks: number, nowMs: number }
  | { kind: 'complete', worker: string, nowMs: number }
  | { kind: 'refused', worker: string, reason: string, nowMs: number }
  | { kind: 'lied', worker: string, sender: string, nowMs: number }
  /** A link ended without all of it having arrived; `own`: by the sender's fault, as far as is known. */
  | { kind: 'link-failed', from: string, to: string, reason: string, own: boolean, nowMs: number }
  /** The sender says that all has arrived. Whether it has, the receiver says. */
  | { kind: 'link-done', from: string, to: string, nowMs: number }
  /** The coordinator itself has sent so many chunks. */
  | { kind: 'uploaded', chunks: number, nowMs: number }
  | { kind: 'tick', nowMs: number }

export type PlanEffect =
  | { kind: 'link', from: string, to: string }
  | { kind: 'unlink', from: string, to: string }
  | { kind: 'served', worker: string }
  | { kind: 'failed', worker: string, reason: string, refused: boolean }
  /** To be named: it passes on nothing of this payload any more. */
  | { kind: 'left-out', worker: string, reason: string }
  /** It counts again: who accused it accuses everybody. */
  | { kind: 'cleared', worker: string }

export function emptyPlan (chunks: number): PlanState {
  return { chunks, nodes: new Map(), uploaded: 0 }
}

export function childrenOf (state: PlanState, source: string): PlanNode[] {
  return [...state.nodes.values()].filter(({ parent }) => parent === source)
}

/** Chunks that a source could give at this moment. */
export function availableAt (state: PlanState, source: string): number {
  const node = state.nodes.get(source)

  return source === ROOT || node?.complete === true ? state.chunks : node?.chunks ?? 0
}

/** Milliseconds that a chunk takes to come to it from somebody who has it, as far as that is known. */
export function msPerChunk ({ gained, busyMs, expectedMsPerChunk }: PlanNode): number | undefined {
  return gained >= 4 && busyMs > 0 ? busyMs / gained : expectedMsPerChunk
}
