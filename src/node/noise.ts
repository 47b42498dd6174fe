import { Socket } from 'node:net'
import { noise as plainNoise } from '@chainsafe/libp2p-noise'
import { Uint8ArrayList } from 'uint8arraylist'
import { TAG } from './chacha.ts'
import { IN_PLACE, quickCrypto } from './noise-crypto.ts'
import { frameAround, giveBack, HEAD, MAX_MESSAGE } from './noise-frames.ts'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream, PrivateKey, SecuredConnection } from '@libp2p/interface'

type Bytes = Uint8Array | Uint8ArrayList

const MAX_PLAINTEXT = MAX_MESSAGE - TAG

/** Frames on their way that are waited for; what a slow receiver lets pile up beyond is left to the garbage collector. */
const MAX_LENT = 64

/** What we use of the encrypted stream that noise makes, which is no public part of it. */
interface NoiseStream {
  handshake: { encrypt: (plaintext: Bytes) => Bytes, decrypt: (ciphertext: Bytes, dst?: Uint8Array) => Bytes }
  encrypt: (plaintext: Bytes) => Bytes
  decrypt: (message: Bytes) => Bytes
  decoder: { lengthDecoder: (buffer: Uint8ArrayList) => number }
}

/**
 * Noise, with the same bytes on the wire and less work around the cipher. As
 * it comes, a sent message is three or more pieces (its length, what each piece
 * of its plaintext became, its tag), each a system call and often a packet of
 * its own; and every buffer on the way is a new one. Messages of one turn of
 * the event loop go out together.
 */
export function noise (): (components: NoiseComponents) => ConnectionEncrypter {
  const make = plainNoise({ crypto: quickCrypto })

  return components => {
    const encrypter = make({
      privateKey: signingOnce(components.privateKey),
      peerId: components.peerId,
      logger: components.logger,
      metrics: components.metrics,
      get upgrader () { return components.upgrader }
    })

    return {
      protocol: encrypter.protocol,
      secureInbound: async (connection, options) => streamlined(connection, await encrypter.secureInbound(connection, options)),
      secureOutbound: async (connection, options) => streamlined(connection, await encrypter.secureOutbound(connection, options))
    }
  }
}

/** Each handshake signs the same: noise's static key, with ours. An Ed25519 signature of the same is the same. */
function signingOnce (key: PrivateKey): PrivateKey {
  const signed = new Map<string, ReturnType<PrivateKey['sign']>>()

  return Object.create(key, {
    sign: {
      value: (data: Uint8Array | Uint8ArrayList) => {
        const content = Buffer.from(data.subarray()).toString('base64')
        const signature = signed.get(content) ?? key.sign(data)

        if (signed.size === 0) {
          signed.set(content, signature)
        }

        return signature
      }
    }
  })
}

function streamlined<T> (connection: MessageStream & { socket?: unknown }, secured: SecuredConnection<T>): SecuredConnection<T> {
  const stream = secured.connection as MessageStream & Partial<NoiseStream>
  const { handshake } = stream
  const lent: Uint8Array[] = []

  // a version that is made otherwise goes on as it is
  if (typeof stream.encrypt === 'function' && typeof stream.decrypt === 'function' && handshake != null) {
    stream.encrypt = plaintext => seal(plaintext, handshake, lent)
    stream.decrypt = message => open(message, handshake)
  }

  if (stream.decoder?.lengthDecoder != null) {
    stream.decoder.lengthDecoder = lengthOf
  }

  if (connection.socket instanceof Socket) {
    gather(connection, connection.socket, lent)
  }

  return secured
}

/** What is sent until the events that have come by now are seen to is one write to the socket. */
function gather (connection: MessageStream, socket: Socket, lent: Uint8Array[]): void {
  const send = connection.send.bind(connection)

  connection.send = data => {
    if (socket.writableCorked === 0) {
      socket.cork()
      setImmediate(() => {
        socket.uncork()

        // the kernel has all that was ever given to it
        if (socket.writableLength === 0 && connection.writeBufferLength === 0) {
          giveBack(lent.splice(0))
        }
      })
    }

    return send(data)
  }
}

/** A buffer for each message, with its length in front. All in one were a large allocation, which costs more than the copying. */
function seal (plaintext: Bytes, { encrypt }: NoiseStream['handshake'], lent: Uint8Array[]): Bytes {
  const sealed = new Uint8ArrayList()

  for (let from = 0; from < plaintext.byteLength; from += MAX_PLAINTEXT) {
    const to = Math.min(from + MAX_PLAINTEXT, plaintext.byteLength)
    const message = encrypt(plaintext instanceof Uint8Array ? plaintext.subarray(from, to) : plaintext.sublist(from, to))
    const frame = message instanceof Uint8Array ? frameAround(message) : undefined

    sealed.append(frame ?? framed(message))

    if (frame != null && lent.push(frame) > MAX_LENT) {
      lent.length = 0
    }
  }

  return sealed
}

function framed (message: Bytes): Uint8Array {
  const frame = Buffer.allocUnsafe(HEAD + message.byteLength)
  let at = frame.writeUInt16BE(message.byteLength)

  for (const piece of message instanceof Uint8Array ? [message] : message) {
    frame.set(piece, at)
    at += piece.byteLength
  }

  return frame
}

/** After the last of the messages that have come it is asked for the next one's. As it comes it throws then, and what an error costs is its stack. */
function lengthOf (buffer: Uint8ArrayList): number {
  return buffer.byteLength < HEAD ? MAX_MESSAGE : buffer.getUint16(0)
}

function open (message: Bytes, { decrypt }: NoiseStream['handshake']): Bytes {
  if (message.byteLength < TAG) {
    throw new Error('a noise message without a tag')
  }

  return decrypt(message, IN_PLACE)
}
