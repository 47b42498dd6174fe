import type { Uint8ArrayList } from 'uint8arraylist'
import type { Role } from '../../model/roles.ts'

/** Turns messages into bytes and back; `decode` validates and throws on anything out of bounds. */
export interface Codec<T> {
  encode: (message: T) => Uint8Array | Uint8ArrayList
  decode: (bytes: Uint8Array | Uint8ArrayList) => T
}

/**
 * A protocol is a row of data: nothing about it can be forgotten, because every
 * field is needed. `Request` is what the side that opens the stream says,
 * `Reply` what the other side says; a stream carries any number of both.
 */
export interface Protocol<Request, Reply> {
  /** /meshmark/<name>/<semver> */
  id: string
  /** Who may open a stream; `stranger` = a peer without a membership. */
  openers: ReadonlyArray<Role | 'stranger'>
  /** Who answers it. */
  listeners: readonly Role[]
  /** Bytes of one message, refused before it is read. */
  maxMessage: number
  /** From the opening of the stream to its first message. */
  firstMessageMs: number
  /** Streams opened by one peer, as a token bucket. */
  rate: { perSecond: number, burst: number }
  /** Open at once by one peer, on all of its connections. */
  maxStreams: number
  request: Codec<Request>
  reply: Codec<Reply>
}

/** A stream of framed messages, with back-pressure in both directions. */
export interface Channel<In, Out> {
  /** Resolves when the stream can take more. */
  send: (message: Out, options?: { signal?: AbortSignal }) => Promise<void>
  /** The next message; undefined when the other side has closed in order. Rejects with a MeshmarkError when it broke, or said something invalid. */
  receive: (options?: { signal?: AbortSignal }) => Promise<In | undefined>
  /** Says that nothing more will be sent, and waits until it is gone. */
  close: () => Promise<void>
  /** Ends it at once, in both directions. */
  abort: (reason: Error) => void
}
