import { patched, type MeshEvent, type MeshNews, type NodeState } from '../../http/exchange/mesh-changes.ts'
import type { JobRow } from '../../node/protocol/submit/messages.ts'

/** Nodes and jobs, as the stream of a master tells them. */
export interface MeshState {
  /** Of the master that tells. */
  master?: string
  masters: MeshNews['masters']
  /** By peer id. */
  nodes: ReadonlyMap<string, NodeState>
  /** By id. */
  jobs: ReadonlyMap<string, JobRow>
  hasNodes: boolean
  hasJobs: boolean
  /** There are more jobs that have not ended than these. */
  hasMoreJobs: boolean
  /** What the master's clock is ahead of this machine's, milliseconds. */
  aheadMs: number
}

export const NO_MESH: MeshState = { masters: [], nodes: new Map(), jobs: new Map(), hasNodes: false, hasJobs: false, hasMoreJobs: false, aheadMs: 0 }

/** @param nowMs - of this machine's clock, when the event came */
export function reduceMesh (state: MeshState, event: MeshEvent, nowMs: number): MeshState {
  const aheadMs = event.nowMs - nowMs

  switch (event.kind) {
    case 'mesh':
      return { ...state, aheadMs, master: event.master, masters: event.masters }
    case 'nodes': {
      const nodes = new Map(event.all ? [] : state.nodes)

      event.gone.forEach(peerId => { nodes.delete(peerId) })
      event.nodes.forEach(node => { nodes.set(node.peerId, node) })

      for (const [peerId, patch] of Object.entries(event.changed)) {
        const node = nodes.get(peerId)

        if (node != null) {
          nodes.set(peerId, patched(node, patch))
        }
      }

      for (const [peerId, heardAt] of Object.entries(event.heard)) {
        const node = nodes.get(peerId)

        if (node != null) {
          nodes.set(peerId, { ...node, heardAt })
        }
      }

      return { ...state, aheadMs, nodes, hasNodes: true }
    }
    case 'jobs': {
      const jobs = new Map(event.all ? [] : state.jobs)

      event.gone.forEach(id => { jobs.delete(id) })
      event.jobs.forEach(job => { jobs.set(job.id, job) })

      for (const [id, patch] of Object.entries(event.changed)) {
        const job = jobs.get(id)

        if (job != null) {
          jobs.set(id, { ...job, ...patch })
        }
      }

      return { ...state, aheadMs, jobs, hasJobs: true, hasMoreJobs: event.more }
    }
    default:
      // of a master of a later version
      return state
  }
}
