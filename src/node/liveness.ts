import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

/** Silence is counted in ticks: a process that was itself paused has missed many, and counts one. */
export const TICK_MS = 500

/** The muxer lets its windows grow by the time that a ping takes, which it must therefore know from the beginning. */
const MEASURE_AGAIN_MS = 60_000

export interface LivenessInit {
  /** So long may the other side be silent before it is asked whether it is there. */
  askAfterMs: number
  /** So long has it then to say anything at all. */
  giveUpAfterMs: number
}

interface Pingable {
  ping: () => Promise<unknown>
}

interface Watched {
  muxer: StreamMuxer & Pingable
  connection: MessageStream
  silentTicks: number
  ticks: number
}

/**
 * Ends connections whose other side has gone without a word. It asks by the
 * muxer's own ping, twelve bytes each way: libp2p's monitor negotiates a stream
 * for each question, which costs a node with a thousand connections most of a
 * processor. Whoever speaks is not asked, so of two sides the one with the
 * shorter patience asks, and its question is the other one's answer.
 */
export class Liveness {
  readonly #askTicks: number
  readonly #giveUpTicks: number
  readonly #watched = new Set<Watched>()
  #timer?: NodeJS.Timeout

  constructor ({ askAfterMs, giveUpAfterMs }: LivenessInit) {
    this.#askTicks = Math.max(1, Math.ceil(askAfterMs / TICK_MS))
    this.#giveUpTicks = this.#askTicks + Math.max(1, Math.ceil(giveUpAfterMs / TICK_MS))
  }

  /** The same muxers, each watched from its beginning to its end. */
  watching (create: () => StreamMuxerFactory): () => StreamMuxerFactory {
    return () => {
      const factory = create()

      return {
        protocol: factory.protocol,
        createStreamMuxer: connection => {
          const muxer = factory.createStreamMuxer(connection)

          if (isPingable(muxer)) {
            this.#watch(muxer, connection)
          }

          return muxer
        }
      }
    }
  }

  #watch (muxer: StreamMuxer & Pingable, connection: MessageStream): void {
    const watched: Watched = { muxer, connection, silentTicks: 0, ticks: 0 }

    // after the muxer's own listener: what comes before there is one is kept for it
    connection.addEventListener('message', () => { watched.silentTicks = 0 })
    connection.addEventListener('close', () => { this.#forget(watched) })
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => { this.#tick() }, TICK_MS)
    ask(muxer)
  }

  #forget (watched: Watched): void {
    this.#watched.delete(watched)

    if (this.#watched.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #tick (): void {
    for (const watched of this.#watched) {
      const { muxer, connection } = watched

      watched.silentTicks++
      watched.ticks++

      if (watched.silentTicks === this.#askTicks || watched.ticks % (MEASURE_AGAIN_MS / TICK_MS) === 0) {
        ask(muxer)
      } else if (watched.silentTicks > this.#giveUpTicks) {
        const error = new Error('the other side does not answer')

        this.#forget(watched)
        muxer.abort(error)
        connection.abort(error)
      }
    }
  }
}

/** The answer is whatever comes; that there is none, the ticks tell. */
function ask (muxer: Pingable): void {
  muxer.ping().catch(() => {})
}

function isPingable (muxer: StreamMuxer): muxer is StreamMuxer & Pingable {
  return typeof (muxer as Partial<Pingable>).ping === 'function'
}
