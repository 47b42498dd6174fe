import { MeshmarkError, toError } from '../model/errors.ts'
import { shortId } from './membership.ts'
import type { Membership } from '../model/membership.ts'
import type { StreamChannel } from './channel.ts'
import type { Hello } from './protocol/hello/messages.ts'
import type { Connection } from '@libp2p/interface'

/** How long a connection that is given up may take to deliver its last words. */
const CLOSE_MS = 500

/** One connection, from its opening to its end, and what its peer has proven. */
export class Session {
  readonly connection: Connection
  readonly peerId: string
  readonly openedAt = Date.now()
  /** Resolves once both sides have said hello; rejects with the reason when that never happens. */
  readonly ready: Promise<void>
  readonly #ready = Promise.withResolvers<void>()
  readonly #channels = new Map<StreamChannel<any, any>, string>()
  /** What the peer said last; set while `open`. */
  hello?: Hello
  /** Checked; absent for a stranger. */
  membership?: Membership
  /** Their idea of mesh time minus ours, when they said hello. */
  clockOffsetMs = 0
  /** When both sides had said hello for the first time, on the monotonic clock. */
  greetedAt?: number
  /** Our own hello, while it is not answered. */
  greeting?: Promise<void>
  state: 'new' | 'open' | 'ended' = 'new'

  constructor (connection: Connection) {
    this.connection = connection
    this.peerId = connection.remotePeer.toString()
    this.ready = this.#ready.promise
    // not everybody who should know waits for it
    this.ready.catch(() => {})
  }

  get name (): string {
    return this.membership?.name ?? shortId(this.peerId)
  }

  admit (hello: Hello, membership: Membership | undefined, clockOffsetMs: number): void {
    this.hello = hello
    this.membership = membership
    this.clockOffsetMs = clockOffsetMs

    if (this.state === 'new') {
      this.state = 'open'
      this.greetedAt = performance.now()
      this.#ready.resolve()
    }
  }

  /** Keeps count of a stream for as long as it is open. */
  track (channel: StreamChannel<any, any>, protocol: string): void {
    this.#channels.set(channel, protocol)
    void channel.closed.then(() => { this.#channels.delete(channel) })
  }

  /** All that are open. */
  get streams (): number {
    return this.#channels.size
  }

  /** Streams that are open for a protocol. */
  count (protocol: string): number {
    let count = 0

    for (const open of this.#channels.values()) {
      count += open === protocol ? 1 : 0
    }

    return count
  }

  /** Says why on every open stream, then closes the connection. Resolves when it is closed. */
  async end (reason: MeshmarkError): Promise<void> {
    this.ended(reason)

    for (const channel of this.#channels.keys()) {
      channel.refuse(reason)
    }

    try {
      await this.connection.close({ signal: AbortSignal.timeout(CLOSE_MS) })
    } catch (err) {
      this.connection.abort(toError(err))
    }
  }

  /** Closes the connection unless a stream is open on it. */
  async closeIfIdle (): Promise<void> {
    if (this.#channels.size === 0) {
      await this.end(new MeshmarkError('unreachable', 'it is not needed any more'))
    }
  }

  /** The connection is gone, or as good as gone. */
  ended (reason: Error): void {
    this.state = 'ended'
    this.#ready.reject(reason)
  }
}
