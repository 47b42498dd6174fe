import { createHash, timingSafeEqual, webcrypto } from 'node:crypto'

/** From this length on another thread hashes: handing it over costs a copy and some 50 µs. */
const ELSEWHERE_BYTES = 128 * 1024

/**
 * Whether this is what was promised by its SHA-256. A chunk of 1 MiB takes
 * 0.6 ms and more, for which the process would neither answer nor decrypt, so
 * what is long is hashed on a thread of Node's pool. The bytes must not change
 * meanwhile.
 */
export async function matches (bytes: Uint8Array, digest: Uint8Array | undefined): Promise<boolean> {
  const actual = bytes.byteLength < ELSEWHERE_BYTES
    ? createHash('sha256').update(bytes).digest()
    : new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes))

  return digest?.byteLength === actual.byteLength && timingSafeEqual(actual, digest)
}
