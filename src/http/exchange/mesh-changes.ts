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
  /** New ones, and those of which more has changed than when they were heard last. */
  nodes: NodeState[]
  /** Peer ids. */
  gone: string[]
  /** Peer id -> heard last, of the others. */
  heard: Record<string, number>
}

export interface JobChanges {
  kind: 'jobs'
  all: boolean
  jobs: JobRow[]
  /** Ids: gone, or pushed out of the list by later ones. */
  gone: string[]
}

/** Ages are rounded where they are made, and read a moment later: below this an instant has not moved. */
const JITTER_MS = 1_500

/** Compares one look at the nodes with the one before. Pure; keeps nothing but what it returned. */
export class NodeWatch {
  #known?: Map<string, { state: NodeState, text: string }>

  /** Undefined when there is nothing to tell. */
  look (rows: readonly NodeRow[], nowMs: number): NodeChanges | undefined {
    const before = this.#known
    const after = new Map<string, { state: NodeState, text: string }>()
    const nodes: NodeState[] = []
    const heard: Record<string, number> = {}

    for (const row of rows) {
      const known = before?.get(row.peerId)
      const state = stateOf(row, nowMs, known?.state)
      const { heardAt, ...lasting } = state
      const text = JSON.stringify(lasting)

      after.set(row.peerId, { state, text })

      if (known?.text !== text) {
        nodes.push(state)
      } else if (known.state.heardAt !== heardAt) {
        heard[state.peerId] = heardAt
      }
    }

    const gone = [...before?.keys() ?? []].filter(key => !after.has(key))

    this.#known = after

    return before != null && nodes.length === 0 && gone.length === 0 && Object.keys(heard).length === 0
      ? undefined
      : { kind: 'nodes', all: before == null, nodes, gone, heard }
  }
}

/** The same of the list of jobs. */
export class JobWatch {
  #known?: Map<string, string>

  look (rows: readonly JobRow[]): JobChanges | undefined {
    const before = this.#known
    const after = new Map(rows.map(row => [row.id, JSON.stringify(row)]))
    const jobs = rows.filter(({ id }) => before?.get(id) !== after.get(id))
    const gone = [...before?.keys() ?? []].filter(id => !after.has(id))

    this.#known = after

    return before != null && jobs.length === 0 && gone.length === 0 ? undefined : { kind: 'jobs', all: before == null, jobs, gone }
  }
}

function stateOf ({ sinceMs, lastHeardMs, ...row }: NodeRow, nowMs: number, known: NodeState | undefined): NodeState {
  return { ...row, sinceAt: settled(nowMs - sinceMs, known?.sinceAt), heardAt: settled(nowMs - lastHeardMs, known?.heardAt) }
}

function settled (at: number, known: number | undefined): number {
  return known != null && Math.abs(at - known) < JITTER_MS ? known : Math.round(at)
}
