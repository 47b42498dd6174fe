import { noise as plainNoise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddrConnectionPair } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { expect, it } from 'vitest'
import '../../src/node/polyfill.ts'
import { noise } from '../../src/node/noise.ts'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { MessageStream } from '@libp2p/interface'

it.each([
  ['ours', 'ours', noise, noise],
  ['ours', 'the one of the package', noise, plainNoise],
  ['the one of the package', 'ours', plainNoise, noise]
])('what %s encrypts is what %s decrypts, whatever the sizes and pieces', async (_, __, ofSender, ofReceiver) => {
  await fc.assert(fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 5 }), async messages => {
    const { sender, receiver } = await connected(ofSender, ofReceiver)
    const sent = messages.map(pieces => new Uint8ArrayList(...pieces.map((size, index) => new Uint8Array(size).fill(size + index))))
    const whole = new Uint8ArrayList(...sent.map(message => message.sublist())).subarray()
    const arrived = received(receiver, whole.byteLength)

    for (const message of sent) {
      sender.send(message)
    }

    // as strings of bytes: a comparison of elements would take its time
    expect(Buffer.from(await arrived).equals(whole)).toBe(true)
  }), { numRuns: 30 })
})

it('a message goes out as one piece, with its length and its tag', async () => {
  const pieces: number[] = []
  const { sender, receiver } = await connected(noise, noise, size => { pieces.push(size) })
  const arrived = received(receiver, 200_012)

  pieces.length = 0
  sender.send(new Uint8ArrayList(new Uint8Array(12), new Uint8Array(200_000)))
  await arrived

  expect(pieces).toEqual([65_537, 65_537, 65_537, 200_012 - 3 * 65_519 + 18])
})

it('a message that was changed on its way ends the connection', async () => {
  const { sender, receiver } = await connected(noise, noise, undefined, bytes => { bytes[bytes.length - 1]! ^= 1 })
  const closed = new Promise<Error | undefined>(resolve => { receiver.addEventListener('close', ({ error }) => { resolve(error) }) })

  sender.send(new Uint8Array(2_000))

  expect(await closed).toBeInstanceOf(Error)
})

/** Around the length of a noise message, and below it. */
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 65_500, max: 65_540 }), fc.constant(140_000)), { minLength: 1, maxLength: 4 })

type Noise = typeof noise | typeof plainNoise

async function connected (ofSender: Noise, ofReceiver: Noise, onPiece?: (size: number) => void, change?: (bytes: Uint8Array) => void): Promise<{ sender: MessageStream, receiver: MessageStream }> {
  const [outbound, inbound] = multiaddrConnectionPair({ capacity: 64 * 1024 * 1024 })
  const [a, b] = [ofSender()(await components()), ofReceiver()(await components())]
  const [sender, receiver] = await Promise.all([a.secureOutbound(outbound), b.secureInbound(inbound)])
  const send = outbound.send.bind(outbound)

  outbound.send = data => {
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      onPiece?.(piece.byteLength)
      change?.(piece)
    }

    return send(data)
  }

  return { sender: sender.connection, receiver: receiver.connection }
}

async function components (): Promise<NoiseComponents> {
  const privateKey = await generateKeyPair('Ed25519')

  return { privateKey, peerId: peerIdFromPrivateKey(privateKey), logger: defaultLogger(), upgrader: { getStreamMuxers: () => new Map(), getConnectionEncrypters: () => new Map() } as any }
}

async function received (stream: MessageStream, bytes: number): Promise<Uint8Array> {
  const all = new Uint8ArrayList()

  await new Promise<void>((resolve, reject) => {
    stream.addEventListener('close', ({ error }) => { reject(error ?? new Error('closed early')) })
    stream.addEventListener('message', ({ data }) => {
      all.append(data)

      if (all.byteLength >= bytes) {
        resolve()
      }
    })
  })

  return all.subarray()
}
