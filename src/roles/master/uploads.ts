import { receivePayload } from '../../node/payload/receive.ts'
import { payload as payloadProtocol } from '../../node/protocol/payload/index.ts'
import { refuseTicket } from '../ticket.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { PayloadRequest } from '../../node/protocol/payload/messages.ts'
import type { ContentStore } from '../../store/content.ts'

/** A client that was asked for a payload has this long to begin. */
const UPLOAD_WINDOW_MS = 10 * 60 * 1000

/** Of one client at once. */
const MAX_EXPECTED = 100

/** Payloads on their way in: from clients that were asked for them, and with a coordinator's ticket. */
export class Uploads {
  readonly #node: MeshNode
  readonly #content: ContentStore
  /** What clients were asked for: client -> payload -> until when. */
  readonly #expected = new Map<string, Map<string, number>>()

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

  /** The same payload may be asked of several clients; one client is remembered with so many, the oldest are forgotten. */
  expect (payload: string, client: string): void {
    const payloads = this.#expected.get(client) ?? new Map<string, number>()

    payloads.delete(payload)
    payloads.set(payload, Date.now() + UPLOAD_WINDOW_MS)

    for (const oldest of [...payloads.keys()].slice(0, -MAX_EXPECTED)) {
      payloads.delete(oldest)
    }

    this.#expected.set(client, payloads)
  }

  forget (payload: string, client: string): void {
    const payloads = this.#expected.get(client)

    payloads?.delete(payload)

    if (payloads?.size === 0) {
      this.#expected.delete(client)
    }
  }

  async #refuse (offer: Extract<PayloadRequest, { kind: 'offer' }>, sender: Peer): Promise<string | undefined> {
    if (sender.roles.has('client')) {
      const untilMs = this.#expected.get(sender.id)?.get(offer.manifest.id) ?? 0

      return untilMs > Date.now() ? undefined : 'submit a job that needs this payload first'
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
