import type { JobRow, NodeRow } from '../../node/protocol/submit/messages.ts'

/** A node with instants instead of ages: an age changes all the time, the instant does not. */
export interface NodeState extends Omit<NodeRow, 'sinceMs' | 'lastHeardMs'> {
  /** Milliseconds since 1970, by the clock of the master that tells. */
  sinceAt: number
  heardAt: number
}

/** One message of the stream of a mesh; `nowMs` is the clock of the master that tells. */
export type MeshEvent = { nowMs: number } & (MeshNews | NodeChanges | JobChanges)

/** Who tells, and where else could be asked. */
export interface MeshNews {
  kind: 'mesh'
  master: string
  peerId: string
  masters: Array<{ peerId: string, name: string, state: string, urls: string[] }>
}

/** What is new since the last look; `all` = this is everything there is, what was known before counts no more. */
export interface NodeChanges {
  kind: 'nodes'
  all: boolean
  /** New ones, and those of which something has changed that hardly ever does, such as their machine. */
  nodes: NodeState[]
  /** Peer id -> what has changed of the others; null = it is there no more. */
  changed: Record<string, NodePatch>
  /** Peer ids. */
  gone: string[]
  /** Peer id -> heard last, of the others. */
  heard: Record<string, number>
}

/** Of a mesh whose workers all change every second, most is what they are, which stays. */
const PATCHED = ['state', 'detail', 'draining', 'term', 'sinceAt', 'heardAt'] as const

export type NodePatch = { [K in typeof PATCHED[number]]?: NodeState[K] | null }

export interface JobChanges {
  kind: 'jobs'
  all: boolean
  /** New ones. */
  jobs: JobRow[]
  /** Id -> what has changed of the others. */
  changed: Record<string, JobPatch>
  /** Ids: gone, or pushed out of the list by later ones. */
  gone: string[]
  /** There are more that have not ended than are told. */
  more: boolean
}

/** What becomes of a job; the rest is as it was submitted. */
const PROGRESS = ['state', 'finishedAt', 'tasks', 'ended', 'failed'] as const

export type JobPatch = { [K in typeof PROGRESS[number]]?: JobRow[K] }

/** Ages are rounded where they are made, and read a moment later: below this an instant has not moved. */
const JITTER_MS = 1_500

/** Compares one look at the nodes with the one before. Pure; keeps nothing but what it returned. */
export class NodeWatch {
  #known?: Map<string, { state: NodeState, lasting: string }>

  /** Undefined when there is nothing to tell. */
  look (rows: readonly NodeRow[], nowMs: number): NodeChanges | undefined {
    const before = this.#known
    const after = new Map<string, { state: NodeState, lasting: string }>()
    const nodes: NodeState[] = []
    const changed: Record<string, NodePatch> = {}
    const heard: Record<string, number> = {}

    for (const row of rows) {
      const known = before?.get(row.peerId)
      const state = stateOf(row, nowMs, known?.state)
      const lasting = JSON.stringify({ ...state, ...NOT_LASTING })

      after.set(row.peerId, { state, lasting })

      if (known?.lasting !== lasting) {
        nodes.push(state)
        continue
      }

      const patch = patchOf(known.state, state)
      const keys = Object.keys(patch)

      if (keys.length === 1 && patch.heardAt != null) {
        heard[state.peerId] = patch.heardAt
      } else if (keys.length > 0) {
        changed[state.peerId] = patch
      }
    }

    const gone = [...before?.keys() ?? []].filter(key => !after.has(key))

    this.#known = after

    return before != null && [nodes, gone, Object.keys(changed), Object.keys(heard)].every(({ length }) => length === 0)
      ? undefined
      : { kind: 'nodes', all: before == null, nodes, changed, gone, heard }
  }
}

/** The same of the list of jobs. */
export class JobWatch {
  #known?: Map<string, JobRow>
  #more = false

  /** @param more - there are open jobs that are not among these */
  look (rows: readonly JobRow[], more: boolean): JobChanges | undefined {
    const before = this.#known
    const isMore = more !== this.#more
    const jobs: JobRow[] = []
    const changed: Record<string, JobPatch> = {}

    for (const row of rows) {
      const known = before?.get(row.id)
      const patch = known == null ? undefined : progressSince(known, row)

      if (patch == null) {
        jobs.push(row)
      } else if (Object.keys(patch).length > 0) {
        changed[row.id] = patch
      }
    }

    this.#known = new Map(rows.map(row => [row.id, row]))
    this.#more = more

    const gone = [...before?.keys() ?? []].filter(id => !this.#known!.has(id))

    return before != null && !isMore && [jobs, gone, Object.keys(changed)].every(({ length }) => length === 0)
      ? undefined
      : { kind: 'jobs', all: before == null, jobs, changed, gone, more }
  }
}

/** Undefined when a patch cannot say it: it adds, and takes nothing away. */
function progressSince (before: JobRow, after: JobRow): JobPatch | undefined {
  return before.finishedAt != null && after.finishedAt == null ? undefined : Object.fromEntries(PROGRESS.filter(key => before[key] !== after[key]).map(key => [key, after[key]]))
}

const NOT_LASTING = Object.fromEntries(PATCHED.map(key => [key, undefined]))

function patchOf (before: NodeState, after: NodeState): NodePatch {
  return Object.fromEntries(PATCHED.filter(key => before[key] !== after[key]).map(key => [key, after[key] ?? null]))
}

/** What is known of a node with what has changed of it. Pure; for whoever follows the stream. */
export function patched (node: NodeState, patch: NodePatch): NodeState {
  return Object.fromEntries(Object.entries({ ...node, ...patch }).filter(([, value]) => value !== null)) as unknown as NodeState
}

function stateOf ({ sinceMs, lastHeardMs, ...row }: NodeRow, nowMs: number, known: NodeState | undefined): NodeState {
  return { ...row, sinceAt: settled(nowMs - sinceMs, known?.sinceAt), heardAt: settled(nowMs - lastHeardMs, known?.heardAt) }
}

function settled (at: number, known: number | undefined): number {
  return known != null && Math.abs(at - known) < JITTER_MS ? known : Math.round(at)
}
