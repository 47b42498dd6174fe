import { receivePayload } from '../../node/payload/receive.ts'
import { payload } from '../../node/protocol/payload/index.ts'
import { refuseTicket } from '../ticket.ts'
import type { Arrivals } from './arrivals.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { PayloadReply, PayloadRequest } from '../../node/protocol/payload/messages.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { ContentStore } from '../../store/content.ts'

export interface TransfersComponents {
  node: MeshNode
  content: ContentStore
  arrivals: Arrivals
  /** Whatever else happens on a machine that measures happens to its measurements. */
  isMeasuring: () => boolean
}

/** Takes payloads in, from whomever a master's ticket names. */
export function handleTransfers ({ node, content, arrivals, isMeasuring }: TransfersComponents): void {
  const underway = new Map<string, Channel<PayloadRequest, PayloadReply>>()

  node.handle(payload, async (channel, peer) => receivePayload(channel, peer, {
    content,
    underway,
    onEnd: (id, sender, end) => { arrivals.ended(id, sender, end) },
    admit: async (offer, sender) => {
      const reason = await refuseTicket({
        sealed: offer.ticket,
        payload: offer.manifest.id,
        sender: sender.id,
        receiver: node.peerId,
        meshTimeMs: node.meshTime(),
        isMaster: peerId => node.peer(peerId)?.roles.has('master') === true
      })

      if (reason != null) {
        return { kind: 'refused', reason }
      }

      return isMeasuring() ? { kind: 'busy', reason: 'measuring a program' } : undefined
    }
  }))
}
