import { MeshmarkError, isMeshmarkError, toError } from '../model/errors.ts'
import { FrameReader, encodeFrame } from './frame.ts'
import { onAbort } from './wait.ts'
import type { Channel, Codec } from './protocol/protocol.ts'
import type { Frame } from './frame.ts'
import type { AbortOptions, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'

/** Unread bytes at which the sender is stopped. One window of the muxer may still be on its way. */
const HIGH_WATER = 256 * 1024
/** How long the other side has to close its half once this side is finished. */
const LINGER_MS = 2_000

export interface ChannelInit<In, Out> {
  /** What the other side is called in errors. */
  peer: string
  /** What the stream is for, in errors. */
  name: string
  /** Bytes of one message, in either direction. */
  maxMessage: number
  incoming: Codec<In>
  outgoing: Codec<Out>
  /** From now to the first message; absent = no deadline. */
  firstMessageMs?: number
}

/**
 * A libp2p stream as typed messages.
 *
 * Back-pressure is made here, because the stream's own iterator and `onDrain`
 * have none: `send` waits until the muxer has taken everything, and reading
 * pauses while enough bytes wait, so that the sender's window runs out.
 */
export class StreamChannel<In, Out> implements Channel<In, Out> {
  /** Resolves when the stream is closed in both directions, however that came about. */
  readonly closed: Promise<void>
  readonly #stream: Stream
  readonly #init: ChannelInit<In, Out>
  readonly #reader: FrameReader
  readonly #watchers = new Set<() => void>()
  #waiting = 0
  /** The other side has said that it says no more. */
  #endSaid = false
  /** Nothing more will be delivered. */
  #endReached = false
  #error?: MeshmarkError
  /** What still comes in is thrown away. */
  #discarding = false
  #closing?: Promise<void>
  #deadline?: NodeJS.Timeout

  /** Must be made in the turn in which the stream came: an unread stream is not flow-controlled. */
  constructor (stream: Stream, init: ChannelInit<In, Out>) {
    const { promise, resolve } = Promise.withResolvers<void>()

    this.#stream = stream
    this.#init = init
    this.#reader = new FrameReader(init.maxMessage)
    this.closed = promise

    stream.addEventListener('message', evt => { this.#onMessage(evt) })
    stream.addEventListener('end', () => { this.#onEnd() })
    stream.addEventListener('close', evt => {
      this.#onClose(evt)
      resolve()
    })
    // the stream's own listener sends what it had kept back, in a microtask queued before this one
    stream.addEventListener('drain', () => { queueMicrotask(() => { this.#notify() }) })

    if (init.firstMessageMs != null) {
      this.#deadline = setTimeout(() => {
        this.refuse(new MeshmarkError('unreachable', `nothing was said for ${init.firstMessageMs} ms after opening ${init.name}`))
      }, init.firstMessageMs)
    }

    // it may have ended before we came
    if (stream.readableEnded) {
      this.#onEnd()
    }

    if (stream.status !== 'open' && stream.status !== 'closing') {
      clearTimeout(this.#deadline)
      resolve()
    }
  }

  async send (message: Out, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()

    const bytes = this.#init.outgoing.encode(message)

    if (bytes.byteLength > this.#init.maxMessage) {
      throw new MeshmarkError('failed', `a ${this.#init.name} message of ${bytes.byteLength} bytes is longer than the ${this.#init.maxMessage} that ${this.#init.peer} accepts`)
    }

    await this.#write(encodeFrame({ kind: 'message', bytes }), signal)
  }

  async receive ({ signal }: AbortOptions = {}): Promise<In | undefined> {
    signal?.throwIfAborted()

    for (;;) {
      const frame = this.#next()

      if (frame?.kind === 'message') {
        return this.#decode(frame.bytes)
      }

      if (frame?.kind === 'refusal') {
        this.#onRefusal(frame.error)
      }

      if (frame?.kind === 'end') {
        this.#endSaid = true
      }

      if (this.#error != null) {
        throw this.#error
      }

      if (this.#endSaid) {
        return undefined
      }

      if (this.#endReached) {
        this.#fail(this.#broken())
        continue
      }

      this.#waiting++

      try {
        await this.#until(() => this.#endReached || this.#error != null || this.#reader.ready, signal)
      } finally {
        this.#waiting--
        this.#adjust()
      }
    }
  }

  async close (): Promise<void> {
    this.#closing ??= this.#write(encodeFrame({ kind: 'end' })).then(async () => this.#closeStream())

    return this.#closing
  }

  abort (reason: Error): void {
    this.#fail(this.#toMeshmarkError(reason))
    this.#reader.clear()
    this.#stream.abort(reason)
  }

  /** Says in words why nothing more will be said here, and ends the stream in order. Our own `send` and `receive` reject with the same words. */
  refuse (error: MeshmarkError): void {
    const first = this.#error == null

    this.#fail(error)
    this.#reader.clear()

    if (first) {
      try {
        this.#stream.send(encodeFrame({ kind: 'refusal', error }))
      } catch {
        // it is closed already: nobody is there to hear it
      }
    }

    // whatever keeps it from closing in order, lingering ends it
    this.#closeStream().catch(() => {})
    void this.#linger()
  }

  /** The end of whoever worked on this stream: closes our half, and gives the other side a moment to close its own. */
  async finish (): Promise<void> {
    this.#discard()

    // a slow reader may take its time to make room for our last words
    await this.close().catch(() => {})
    await this.#linger()
  }

  /** Resolves when it is closed in both directions; aborts it when the other side takes too long. */
  async #linger (): Promise<void> {
    this.#discard()

    const timer = setTimeout(() => {
      this.#stream.abort(new Error('The other side did not close its half'))
    }, LINGER_MS)

    await this.closed
    clearTimeout(timer)
  }

  #discard (): void {
    this.#discarding = true
    this.#adjust()
  }

  async #write (frame: Uint8ArrayList, signal?: AbortSignal): Promise<void> {
    this.#throwIfFailed()

    try {
      this.#stream.send(frame)
    } catch (err) {
      this.#failWriting(toError(err))
    }

    await this.#until(() => this.#error != null || !this.#stream.writableNeedsDrain || this.#stream.writeStatus === 'closed', signal)

    if (this.#stream.writeStatus === 'closed') {
      this.#failWriting()
    }

    this.#throwIfFailed()
  }

  /** The other side may have said why, behind messages that nobody has read yet. */
  #failWriting (cause?: Error): void {
    let refusal: MeshmarkError | undefined

    try {
      refusal = this.#reader.findRefusal()
    } catch {
      // what it said is no message at all
    }

    this.#fail(refusal ?? this.#broken(cause))
    this.#throwIfFailed()
  }

  async #closeStream (): Promise<void> {
    try {
      await this.#stream.close()
    } catch (err: any) {
      // pEvent inside may reject with the event instead of an error
      throw this.#error ?? this.#broken(toError(err?.error ?? err))
    }
  }

  #onMessage (evt: StreamMessageEvent): void {
    if (this.#discarding) {
      return
    }

    this.#reader.push(evt.data)

    try {
      if (this.#reader.ready) {
        clearTimeout(this.#deadline)
      }

      // a sender that does not listen at the moment must still learn that it is not wanted
      const refusal = this.#reader.peekRefusal()

      if (refusal != null) {
        this.#onRefusal(refusal)
      }
    } catch {
      // an invalid length: whoever reads up to there finds it again, and says so
    }

    // pausing here would be undone when a resume() in progress called us
    queueMicrotask(() => { this.#adjust() })
    this.#notify()
  }

  #onEnd (): void {
    clearTimeout(this.#deadline)
    this.#endReached = true
    this.#notify()
  }

  #onClose ({ error }: StreamCloseEvent): void {
    clearTimeout(this.#deadline)

    queueMicrotask(() => {
      // what was kept back while paused is still ours
      this.#resume()

      if (error != null || this.#stream.readableEnded) {
        this.#endReached = true
      }

      this.#notify()
    })
  }

  /** The other side has had its last word: our half is of no use to it. */
  #onRefusal (error: MeshmarkError): void {
    this.#fail(error)
    this.#discarding = true
    this.#closeStream().catch(() => {})
  }

  #next (): Frame | undefined {
    try {
      return this.#reader.next()
    } catch (err) {
      this.refuse(this.#invalid(err))
    }
  }

  #decode (bytes: Uint8ArrayList): In {
    try {
      return this.#init.incoming.decode(bytes)
    } catch (err) {
      const error = this.#invalid(err)

      this.refuse(error)

      throw error
    }
  }

  /** Stops the sender while enough is unread, and lets it go on afterwards. */
  #adjust (): void {
    const enough = this.#waiting === 0 && !this.#discarding && this.#reader.pending >= HIGH_WATER

    if (!enough) {
      this.#resume()
    } else if (this.#stream.readStatus === 'readable') {
      this.#stream.pause()
    }
  }

  #resume (): void {
    if (this.#stream.readStatus === 'paused') {
      try {
        this.#stream.resume()
      } catch {
        // what was kept back has come; the sender cannot be told to go on, because the connection is gone, which the stream is about to learn
      }
    }
  }

  async #until (condition: () => boolean, signal?: AbortSignal): Promise<void> {
    if (condition()) {
      return
    }

    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onChange = (): void => {
      try {
        if (condition()) {
          resolve()
        }
      } catch {
        // an invalid length: whoever waits finds it out by reading
        resolve()
      }
    }
    const forget = onAbort(signal, reject)

    this.#watchers.add(onChange)
    this.#adjust()

    try {
      await promise
    } finally {
      this.#watchers.delete(onChange)
      forget()
    }
  }

  #notify (): void {
    for (const watcher of [...this.#watchers]) {
      watcher()
    }
  }

  /** The first reason is the one that counts. */
  #fail (error: MeshmarkError): void {
    clearTimeout(this.#deadline)
    this.#error ??= error
    this.#notify()
  }

  #throwIfFailed (): void {
    if (this.#error != null) {
      throw this.#error
    }
  }

  #invalid (err: unknown): MeshmarkError {
    return new MeshmarkError('refused', `${this.#init.peer} sent an invalid ${this.#init.name} message: ${toError(err).message}`, { cause: err })
  }

  #broken (cause?: Error): MeshmarkError {
    return new MeshmarkError('unreachable', this.#stream.status === 'reset'
      ? `${this.#init.peer} broke off ${this.#init.name}`
      : `the connection to ${this.#init.peer} broke during ${this.#init.name}`, { cause })
  }

  #toMeshmarkError (err: Error): MeshmarkError {
    return isMeshmarkError(err) ? err : new MeshmarkError('failed', `${this.#init.name} was given up: ${err.message}`, { cause: err })
  }
}
