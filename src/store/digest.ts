import { createHash, timingSafeEqual } from 'node:crypto'
import type { Uint8ArrayList } from 'uint8arraylist'

/** In one piece, or in the pieces in which they came. */
export type Bytes = Uint8Array | Uint8ArrayList

export function piecesOf (bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}

/**
 * Whether this is what was promised by its SHA-256. A chunk of 1 MiB takes
 * 0.6 ms. To have it hashed on another thread takes longer than that, on this
 * one: what is handed over is copied first.
 */
export function matches (bytes: Bytes, digest: Uint8Array | undefined): boolean {
  const hash = createHash('sha256')

  for (const piece of piecesOf(bytes)) {
    hash.update(piece)
  }

  const actual = hash.digest()

  return digest?.byteLength === actual.byteLength && timingSafeEqual(actual, digest)
}
