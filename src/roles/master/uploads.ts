import { receivePayload } from '../../node/payload/receive.ts'
import { payload as payloadProtocol } from '../../node/protocol/payload/index.ts'
import { refuseTicket } from '../ticket.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { PayloadRequest } from '../../node/protocol/payload/messages.ts'
import type { ContentStore } from '../../store/content.ts'

/** A client that was asked for a payload has this long to begin. */
const UPLOAD_WINDOW_MS = 10 * 60 * 1000

/** Payloads on their way in: from clients that were asked for them, and with a coordinator's ticket. */
export class Uploads {
  readonly #node: MeshNode
  readonly #content: ContentStore
  /** What clients were asked for: payload -> by whom, until when. */
  readonly #expected = new Map<string, { client: string, untilMs: number }>()

  constructor ({ node, content }: { node: MeshNode, content: ContentStore }) {
    this.#node = node
    this.#content = content
  }

  start (): void {
    this.#node.handle(payloadProtocol, async (channel, peer) => receivePayload(channel, peer, {
      content: this.#content,
      admit: async (offer, sender) => {
        const reason = await this.#refuse(offer, sender)
        return reason == null ? undefined : { kind: 'refused', reason }
      }
    }))
  }

  expect (payload: string, client: string): void {
    this.#expected.set(payload, { client, untilMs: Date.now() + UPLOAD_WINDOW_MS })
  }

  forget (payload: string): void {
    this.#expected.delete(payload)
  }

  async #refuse (offer: Extract<PayloadRequest, { kind: 'offer' }>, sender: Peer): Promise<string | undefined> {
    if (sender.roles.has('client')) {
      const expected = this.#expected.get(offer.manifest.id)

      return expected?.client === sender.id && expected.untilMs > Date.now() ? undefined : 'submit a job that needs this payload first'
    }

    return refuseTicket({
      sealed: offer.ticket,
      payload: offer.manifest.id,
      sender: sender.id,
      receiver: this.#node.peerId,
      meshTimeMs: Date.now(),
      isMaster: peerId => peerId === this.#node.peerId
    })
  }
}
