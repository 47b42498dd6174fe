import type { Peer } from '../../node/mesh-node.ts'
import type { TransferEnd } from '../../node/payload/receive.ts'
import type { RelayReply, RelayRequest } from '../../node/protocol/relay/messages.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { ContentStore } from '../../store/content.ts'

/** Chunks between two words of progress, and how long the word may wait when fewer have come. */
const PROGRESS_EVERY = 8
const PROGRESS_MS = 250

/** What comes in of payloads, as a coordinator that asks hears of it. */
export class Arrivals {
  readonly #content: ContentStore
  readonly #watchers = new Map<string, Set<(peer: Peer, end: TransferEnd) => void>>()

  constructor (content: ContentStore) {
    this.#content = content
  }

  /** A transfer has ended. */
  ended (payload: string, peer: Peer, end: TransferEnd): void {
    this.#watchers.get(payload)?.forEach(tell => { tell(peer, end) })
  }

  /** A coordinator waits for it to come. */
  expects (payload: string): boolean {
    return this.#watchers.has(payload)
  }

  /** Answers WATCH until the payload is here or the signal fires. */
  async watch (payload: string, channel: Channel<RelayRequest, RelayReply>, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<RelayReply>()
    const watchers = this.#watchers.get(payload) ?? new Set()
    const onEnd = ({ id }: Peer, end: TransferEnd): void => {
      if (end.kind === 'complete') {
        resolve({ kind: 'done', sent: 0 })
      } else if (end.kind === 'refused') {
        resolve({ kind: 'failed', reason: end.reason, blame: 'own' })
      } else if (end.kind === 'lied') {
        channel.send({ kind: 'lied', sender: id, reason: end.reason }).catch(reject)
      }
    }

    this.#watchers.set(payload, watchers.add(onEnd))
    signal.addEventListener('abort', () => { reject(signal.reason) })

    const telling = this.#tellProgress(payload, channel, signal, reject)

    try {
      if (await this.#content.has(payload)) {
        resolve({ kind: 'done', sent: 0 })
      }

      await channel.send(await promise)
    } finally {
      watchers.delete(onEnd)

      if (watchers.size === 0) {
        this.#watchers.delete(payload)
      }

      void telling.then(stop => { stop() })
    }
  }

  /** Resolves, once something comes, with how to end it. */
  async #tellProgress (payload: string, channel: Channel<RelayRequest, RelayReply>, signal: AbortSignal, onBroken: (err: unknown) => void): Promise<() => void> {
    let here = 0
    let told = 0
    const tell = (): void => {
      if (here > told) {
        told = here
        channel.send({ kind: 'progress', chunks: here }).catch(onBroken)
      }
    }

    try {
      const content = await this.#content.follow(payload, signal)
      const timer = setInterval(tell, PROGRESS_MS)
      const forget = content.onChunks(chunks => {
        here = chunks

        if (here === 1 || here - told >= PROGRESS_EVERY) {
          tell()
        }
      })

      return () => {
        clearInterval(timer)
        forget()
        content.close().catch(() => {})
      }
    } catch {
      // it never began to come
      return () => {}
    }
  }
}
