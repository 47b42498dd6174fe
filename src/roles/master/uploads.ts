import { receivePayload } from '../../node/payload/receive.ts'
import { payload as payloadProtocol } from '../../node/protocol/payload/index.ts'
import { waitFor } from '../../node/wait.ts'
import { refuseTicket } from '../ticket.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { PayloadReply, PayloadRequest } from '../../node/protocol/payload/messages.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { ContentStore } from '../../store/content.ts'

/** Who was asked for a payload has this long to begin. */
const UPLOAD_WINDOW_MS = 10 * 60 * 1000

/** Of one peer at once. */
const MAX_EXPECTED = 100

/** Payloads on their way in: from clients and workers that were asked for them, and with a master's ticket. */
export class Uploads {
  readonly #node: MeshNode
  readonly #content: ContentStore
  /** What peers were asked for: peer -> payload -> until when. */
  readonly #expected = new Map<string, Map<string, number>>()
  /** Who waits for a payload that another master sends. */
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor ({ node, content }: { node: MeshNode, content: ContentStore }) {
    this.#node = node
    this.#content = content
  }

  start (): void {
    this.#node.handle(payloadProtocol, async (channel, peer) => this.#receive(channel, peer))
  }

  /** The same payload may be asked of several peers; one peer is remembered with so many, the oldest are forgotten. */
  expect (payload: string, peer: string): void {
    const payloads = this.#expected.get(peer) ?? new Map<string, number>()

    payloads.delete(payload)
    payloads.set(payload, Date.now() + UPLOAD_WINDOW_MS)

    for (const oldest of [...payloads.keys()].slice(0, -MAX_EXPECTED)) {
      payloads.delete(oldest)
    }

    this.#expected.set(peer, payloads)
  }

  forget (payload: string, peer: string): void {
    const payloads = this.#expected.get(peer)

    payloads?.delete(payload)

    if (payloads?.size === 0) {
      this.#expected.delete(peer)
    }
  }

  /** Resolves at the end of the next transfer of this payload, whether it is complete then or not. */
  async ended (payload: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(payload) ?? new Set()

    this.#waiting.set(payload, waiting.add(resolve))

    try {
      await waitFor(promise, signal)
    } finally {
      waiting.delete(resolve)

      if (waiting.size === 0) {
        this.#waiting.delete(payload)
      }
    }
  }

  async #receive (channel: Channel<PayloadRequest, PayloadReply>, peer: Peer): Promise<void> {
    let payload: string | undefined

    try {
      await receivePayload(channel, peer, {
        content: this.#content,
        admit: async (offer, sender) => {
          const reason = await this.#refuse(offer, sender)

          if (reason != null) {
            return { kind: 'refused', reason }
          }

          payload = offer.manifest.id
        }
      })
    } finally {
      this.#waiting.get(payload ?? '')?.forEach(resolve => { resolve() })
    }
  }

  async #refuse (offer: Extract<PayloadRequest, { kind: 'offer' }>, sender: Peer): Promise<string | undefined> {
    if ((this.#expected.get(sender.id)?.get(offer.manifest.id) ?? 0) > Date.now()) {
      return undefined
    }

    if (sender.roles.has('client')) {
      return 'submit a job that needs this payload first'
    }

    return refuseTicket({
      sealed: offer.ticket,
      payload: offer.manifest.id,
      sender: sender.id,
      receiver: this.#node.peerId,
      meshTimeMs: Date.now(),
      isMaster: peerId => peerId === this.#node.peerId || this.#node.peer(peerId)?.roles.has('master') === true
    })
  }
}
