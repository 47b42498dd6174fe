/** Bytes of the length in front of every noise message: https://github.com/libp2p/specs/tree/master/noise#wire-format */
export const HEAD = 2

/** Of a noise message: https://noiseprotocol.org/noise.html#message-format */
export const MAX_MESSAGE = 65_535

/** Shorter ones are not worth keeping. */
const KEPT_FROM = 32 * 1024

/** 4 MiB for the whole process, however many connections there are. */
const MAX_FREE = 64

const free: Uint8Array[] = []
const ours = new WeakSet<ArrayBufferLike>()

/**
 * Memory for a message and, in front of it, its length. Long ones are used
 * again once they have been given back: new buffers of this size are what made
 * the garbage collector run.
 */
export function takeFrame (messageBytes: number): Uint8Array {
  const kept = messageBytes >= KEPT_FROM
  const whole = (kept ? free.pop() : undefined) ?? new Uint8Array(new ArrayBuffer(HEAD + (kept ? MAX_MESSAGE : messageBytes)))

  ours.add(whole.buffer)

  return whole.subarray(0, HEAD + messageBytes)
}

/** The frame in which a message lies, with its length written; undefined where it was not made here. */
export function frameAround (message: Uint8Array): Uint8Array | undefined {
  if (!ours.has(message.buffer)) {
    return undefined
  }

  const frame = new Uint8Array(message.buffer, 0, HEAD + message.byteLength)

  frame[0] = message.byteLength >> 8
  frame[1] = message.byteLength & 0xff

  return frame
}

/** Nobody reads them any more. */
export function giveBack (frames: Uint8Array[]): void {
  for (const { buffer } of frames) {
    if (buffer.byteLength === HEAD + MAX_MESSAGE && free.length < MAX_FREE) {
      free.push(new Uint8Array(buffer))
    }
  }
}
