import { masterRow, workerRow } from './views.ts'
import type { Coordinator } from './coordinator.ts'
import type { Masters } from './masters.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { NodeRow } from '../../node/protocol/submit/messages.ts'

export interface NodeRowsComponents {
  node: Pick<MeshNode, 'peerId' | 'peers'>
  coordinator: Pick<Coordinator, 'state'>
  masters: Pick<Masters, 'views'>
  version: string
}

/** Made once: a comparison that makes its own costs as much as a hundred of this one's. */
const BY_NAME = new Intl.Collator('en', { numeric: true })

/** Every node that this master knows: the masters, then the workers by name. */
export function nodeRows ({ node, coordinator, masters, version }: NodeRowsComponents): NodeRow[] {
  const nowMs = Date.now()
  const peers = new Map(node.peers().map(peer => [peer.id, peer]))

  return [
    ...masters.views().map(master => masterRow(master, master.peerId === node.peerId
      ? { version, connectedMs: process.uptime() * 1_000 }
      : { version: peers.get(master.peerId)?.version ?? '', connectedMs: nowMs - (peers.get(master.peerId)?.connectedAt ?? nowMs) })),
    ...[...coordinator.state.workers.values()]
      .sort((a, b) => BY_NAME.compare(a.info.name, b.info.name))
      .map(worker => workerRow(coordinator.state, worker, nowMs, peers.get(worker.info.peerId)?.version ?? ''))
  ]
}
