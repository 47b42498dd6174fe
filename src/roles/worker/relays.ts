import { MeshmarkError, toError } from '../../model/errors.ts'
import { sendPayload } from '../../node/payload/send.ts'
import { relay } from '../../node/protocol/relay/index.ts'
import { withDeadline } from '../../node/wait.ts'
import type { Arrivals } from './arrivals.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { Blame, RelayReply, RelayRequest } from '../../node/protocol/relay/messages.ts'
import type { ContentStore } from '../../store/content.ts'

/** Dial, handshake and hello with another worker. */
const MEET_MS = 5_000

/** A payload that has not begun to come here by then is not passed on. */
const BEGIN_MS = 10_000

/** Nor one that nobody has announced. */
const UNEXPECTED_MS = 1_000

/** A connection to another worker that is not needed again is closed. */
const IDLE_MS = 60_000

export interface RelaysComponents {
  node: MeshNode
  content: ContentStore
  arrivals: Arrivals
  /** Its owner lets it. */
  passesOn: boolean
  /** Whatever else happens on a machine that measures happens to its measurements. */
  isMeasuring: () => boolean
}

/** What ends a SEND or MEET, and whose fault it is. */
class RelayError extends MeshmarkError {
  constructor (readonly blame: Blame, reason: string, cause: unknown) {
    super('failed', reason, { cause })
  }
}

/** What this worker does for the distribution of payloads, each time because a master said so. */
export class Relays {
  readonly #components: RelaysComponents
  readonly #sending = new Set<AbortController>()
  readonly #idle = new Map<string, NodeJS.Timeout>()

  constructor (components: RelaysComponents) {
    this.#components = components
    components.node.handle(relay, async channel => this.#serve(channel))
  }

  /** A measurement begins: nothing is passed on any more. The coordinator finds another way. */
  interrupt (reason: string): void {
    this.#sending.forEach(stop => { stop.abort(new RelayError('own', reason, undefined)) })
  }

  stop (): void {
    this.interrupt('the worker stops')
    this.#idle.forEach(timer => { clearTimeout(timer) })
    this.#idle.clear()
  }

  async #serve (channel: Channel<RelayRequest, RelayReply>): Promise<void> {
    const request = await channel.receive()

    if (request == null) {
      return
    }

    const stop = new AbortController()

    // a master that wants it no more closes the stream, or is gone
    channel.receive().then(() => { stop.abort(new Error('not wanted any more')) }, err => { stop.abort(err) })

    try {
      switch (request.kind) {
        case 'send':
          await this.#send(request, channel, stop)
          break
        case 'watch':
          await this.#components.arrivals.watch(request.payload, channel, stop.signal)
          break
        case 'meet':
          await this.#meet(request.peer, request.addresses, stop.signal)
          this.#forgetLater(request.peer)
          await channel.send({ kind: 'done', sent: 0 })
          break
      }
    } catch (err) {
      const { blame = 'receiver', message } = err as Partial<RelayError> & Error

      if (stop.signal.aborted && !(stop.signal.reason instanceof RelayError)) {
        throw new MeshmarkError('failed', message)
      }

      await channel.send({ kind: 'failed', reason: message, blame })
    } finally {
      stop.abort(new Error('over'))
    }
  }

  async #send ({ payload, ticket, to, addresses }: Extract<RelayRequest, { kind: 'send' }>, channel: Channel<RelayRequest, RelayReply>, stop: AbortController): Promise<void> {
    const { node, content, arrivals, passesOn, isMeasuring } = this.#components
    const { signal } = stop

    if (!passesOn || isMeasuring()) {
      throw new RelayError('own', passesOn ? 'it is measuring' : 'its owner does not let it', undefined)
    }

    this.#sending.add(stop)

    try {
      await this.#meet(to, addresses, signal)

      const source = await withDeadline(arrivals.expects(payload) ? BEGIN_MS : UNEXPECTED_MS, [signal], async limit => content.follow(payload, limit)).catch(err => {
        signal.throwIfAborted()

        throw new RelayError('own', `the payload is not here: ${toError(err).message}`, err)
      })

      try {
        const sent = await sendPayload(node, to, {
          manifest: source.manifest,
          ticket,
          next: async (left, limit) => source.next(left, limit),
          readChunk: async index => source.readChunk(index).catch(err => { throw new RelayError('own', toError(err).message, err) }),
          onProgress: chunks => { channel.send({ kind: 'progress', chunks }).catch(() => {}) },
          signal
        })

        await channel.send({ kind: 'done', sent })
      } finally {
        await source.close()
      }
    } catch (err) {
      throw signal.aborted ? toError(signal.reason) : err
    } finally {
      this.#sending.delete(stop)
      this.#forgetLater(to)
    }
  }

  async #meet (peer: string, addresses: string[], signal: AbortSignal): Promise<void> {
    const { node } = this.#components

    clearTimeout(this.#idle.get(peer))

    if (node.peer(peer) != null) {
      return
    }

    // a node that has taken its place must not get what is meant for it
    const named = addresses.filter(address => address.endsWith(`/p2p/${peer}`))

    try {
      if (named.length === 0) {
        throw new MeshmarkError('unreachable', 'it has no address at which it could be reached')
      }

      await withDeadline(MEET_MS, [signal], async limit => node.connect(named, { signal: limit }))
    } catch (err) {
      signal.throwIfAborted()

      throw new RelayError('network', toError(err).message, err)
    }
  }

  #forgetLater (peer: string): void {
    clearTimeout(this.#idle.get(peer))
    this.#idle.set(peer, setTimeout(() => {
      this.#idle.delete(peer)

      // masters are no guests of ours
      if (this.#components.node.peer(peer)?.roles.has('master') === false) {
        this.#components.node.hangUp(peer).catch(() => {})
      }
    }, IDLE_MS).unref())
  }
}
