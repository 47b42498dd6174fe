import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { MAX_HOPS, mastersAsk } from '../../node/protocol/masters/index.ts'
import { submit } from '../../node/protocol/submit/index.ts'
import { request } from '../../node/request.ts'
import { withDeadline } from '../../node/wait.ts'
import type { Asker } from './find-job.ts'
import type { Masters } from './masters.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'
import type { AskReply, AskRequest } from '../../node/protocol/masters/messages.ts'
import type { SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** So long a client waits for a coordinator before it is told that there is none. */
const PATIENCE_MS = 10_000

/** A coordinator may have to fetch a large payload before it can answer. */
const ANSWER_MS = 10 * 60 * 1000

/** Between two attempts: a new coordinator is known within this of its claim. */
const AGAIN_MS = 100

/** Who asks, as its membership proved to the master that it speaks to. */
export interface Client extends Asker {
  name: string
  /** The master through which it asks; absent = this one. */
  via?: string
}

export interface RelayComponents {
  node: MeshNode
  masters: Pick<Masters, 'isCoordinator' | 'claim' | 'obstacle' | 'route' | 'whenCoordinator'>
}

/** What only the coordinator can do, said to any master: passed on, and the answer brought back. */
export class Relay {
  constructor (private readonly components: RelayComponents) {}

  /**
   * Does it here when this master coordinates, and has the coordinator do it
   * otherwise, waiting for one where there is none. The same may be said twice
   * when a coordinator dies in between, so it must be idempotent.
   */
  async carryOut (message: SubmitRequest, client: Client, here: () => Promise<SubmitReply>, hops = 0): Promise<SubmitReply> {
    const { masters } = this.components
    const untilMs = performance.now() + PATIENCE_MS
    let trouble: string | undefined

    while (true) {
      const leftMs = untilMs - performance.now()
      const claim = leftMs <= 0 ? undefined : await withDeadline(leftMs, [], async signal => masters.whenCoordinator(signal)).catch(() => undefined)

      if (claim == null) {
        throw new MeshmarkError('failed', `no coordinator took this within ${PATIENCE_MS / 1_000} s (${trouble ?? masters.obstacle ?? 'there is none'}): see meshmark nodes`)
      }

      if (masters.isCoordinator) {
        return here()
      }

      const to = masters.route()

      if (to != null && hops < MAX_HOPS) {
        try {
          const reply = await this.#ask(to, { kind: 'relay', request: submit.request.encode(message).subarray(), client: client.peerId, clientName: client.name, admin: client.admin, hops }, claim.master)

          if (reply.kind === 'relayed') {
            return submit.reply.decode(reply.reply)
          }

          trouble = reply.kind === 'refused' ? reply.reason : `it answered ${reply.kind}`
        } catch (err) {
          if (!isMeshmarkError(err)) {
            throw err
          }

          trouble = err.message
        }
      }

      await delay(AGAIN_MS)
    }
  }

  /** What another master passes on. */
  async answer (message: Extract<AskRequest, { kind: 'relay' }>, peer: Peer, answer: (message: SubmitRequest, client: Client, hops: number) => Promise<SubmitReply>): Promise<AskReply> {
    const { masters } = this.components

    // whoever passed it on knows better by now, or will in a moment
    if (!masters.isCoordinator && message.hops >= MAX_HOPS) {
      return { kind: 'refused', reason: 'the coordinator is out of reach' }
    }

    const client: Client = { peerId: message.client, name: message.clientName, admin: message.admin, via: peer.id }
    const reply = await answer(submit.request.decode(message.request), client, message.hops + 1)

    return { kind: 'relayed', reply: submit.reply.encode(reply).subarray() }
  }

  /** Waits no longer for one that does not coordinate any more. */
  async #ask (to: string, message: AskRequest, coordinator: string): Promise<AskReply> {
    const { node, masters } = this.components
    const stop = new AbortController()
    const watch = setInterval(() => {
      if (masters.claim?.master !== coordinator) {
        stop.abort(new MeshmarkError('unreachable', 'the coordinator is lost'))
      }
    }, AGAIN_MS)

    try {
      return await request(node, to, mastersAsk, message, { timeoutMs: ANSWER_MS, signal: stop.signal })
    } catch (err) {
      throw stop.signal.aborted ? stop.signal.reason : err
    } finally {
      clearInterval(watch)
    }
  }
}
