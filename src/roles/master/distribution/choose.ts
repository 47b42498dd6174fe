import { fanOutFor } from './shape.ts'
import { ROOT, childrenOf, msPerChunk } from './state.ts'
import type { PlanNode, PlanState } from './state.ts'

/** The coordinator's upload, in payloads, as long as anybody else could send. */
export const MAX_UPLOADS = 2

/** A worker this much slower than the others in the middle passes on nothing while one of the others can. */
const SLOW = 3

/** Beyond the fan-out, where only so the coordinator need not send more. */
const MAX_CHILDREN = 16

interface Candidate {
  id: string
  depth: number
  children: number
  slow: boolean
  suspect: boolean
}

/** From whom a receiver gets the payload now; undefined = from nobody that is left. */
export function chooseSource (state: PlanState, node: PlanNode): string | undefined {
  const receivers = [...state.nodes.values()].filter(({ complete, gained }) => !complete || gained > 0).length
  const fanOut = fanOutFor(receivers, state.chunks)
  const workers = candidates(state, node)
  const good = workers.filter(({ slow, suspect }) => !slow && !suspect)
  const root = node.failed.has(ROOT) ? undefined : ROOT
  const rootLinks = childrenOf(state, ROOT).length
  const rootCandidate: Candidate[] = root != null && committed(state) + state.chunks - node.chunks <= MAX_UPLOADS * state.chunks
    ? [{ id: ROOT, depth: 0, children: rootLinks, slow: false, suspect: false }]
    : []

  return best([...good, ...rootCandidate].filter(({ children }) => children < fanOut)) ??
    best(good.filter(({ children }) => children <= fanOut)) ??
    best(rootCandidate) ??
    best(workers.filter(({ children }) => children < MAX_CHILDREN)) ??
    root
}

/** Of what the coordinator has sent, and is sending. */
function committed (state: PlanState): number {
  return state.uploaded + childrenOf(state, ROOT).reduce((sum, { chunks }) => sum + state.chunks - chunks, 0)
}

function candidates (state: PlanState, node: PlanNode): Candidate[] {
  const typical = typicalMsPerChunk(state)
  const children = new Map<string, number>()
  const depths = new Map<PlanNode, number>([[node, Infinity]])

  for (const { parent } of state.nodes.values()) {
    if (parent != null) {
      children.set(parent, (children.get(parent) ?? 0) + 1)
    }
  }

  return [...state.nodes.values()].flatMap(other => {
    const depth = depthOf(state, other, depths)

    if (depth === Infinity || !other.relays || other.leftOut != null || node.failed.has(other.id)) {
      return []
    }

    const ms = msPerChunk(other)

    return [{
      id: other.id,
      depth,
      children: children.get(other.id) ?? 0,
      slow: ms != null && typical != null && ms > SLOW * typical,
      suspect: [...other.failed.values()].includes('stalled')
    }]
  })
}

/** Links from the nearest whole copy; Infinity = nothing comes there, or only by way of what is already known to have none. */
function depthOf (state: PlanState, from: PlanNode, known: Map<PlanNode, number>): number {
  const path: PlanNode[] = []
  let depth: number | undefined

  for (let at: PlanNode | undefined = from; depth == null; at = state.nodes.get(at.parent ?? '')) {
    depth = at == null ? Infinity : known.get(at) ?? (at.complete ? 0 : at.parent === ROOT ? 1 : undefined)

    if (at == null || depth == null) {
      path.push(...(at == null ? [] : [at]))
    } else {
      known.set(at, depth)
    }

    if (at == null) {
      break
    }
  }

  let above = depth ?? Infinity

  for (const node of path.reverse()) {
    known.set(node, ++above)
  }

  return known.get(from) ?? Infinity
}

function typicalMsPerChunk (state: PlanState): number | undefined {
  const known = [...state.nodes.values()].flatMap(node => msPerChunk(node) ?? []).sort((a, b) => a - b)

  return known[Math.floor((known.length - 1) / 2)]
}

/** Near a whole copy, with few children, and only then the coordinator. */
function best (candidates: Candidate[]): string | undefined {
  return candidates.reduce<Candidate | undefined>((chosen, candidate) => chosen == null || compare(candidate, chosen) < 0 ? candidate : chosen, undefined)?.id
}

function compare (a: Candidate, b: Candidate): number {
  return Number(a.suspect) - Number(b.suspect) || Number(a.slow) - Number(b.slow) || a.depth - b.depth || a.children - b.children || Number(a.id === ROOT) - Number(b.id === ROOT)
}
