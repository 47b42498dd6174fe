import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { loadChacha, TAG } from './chacha.ts'
import { HEAD, takeFrame } from './noise-frames.ts'
import type { Chacha } from './chacha.ts'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import type { KeyObject } from 'node:crypto'

/** Below, the library's own ways are as quick. */
const LONG_BYTES = 8 * 1024

/** Of long messages, before OpenSSL is asked directly: what a command sends and hears is less, and need not wait for koffi. */
const LOAD_AFTER_BYTES = 512 * 1024

/** For `chaCha20Poly1305Decrypt`: nobody needs the ciphertext any more, so the plaintext may take its place. */
export const IN_PLACE = new Uint8Array(0)

let longBytes = 0
let chacha: Chacha | undefined

/** Our own private keys as Node.js has them, for as long as noise keeps their bytes. */
const ours = new WeakMap<object, KeyObject>()

/**
 * Noise's cryptography, with two differences.
 *
 * Key agreement as RFC 7748 has it, by OpenSSL as before, but with keys that
 * are kept instead of parsed: of the two thirds of a millisecond that each of
 * the three agreements of a handshake took, nine tenths went into reading a
 * private key that this process had just written.
 *
 * Long messages are sealed into a frame (see noise-frames.ts) and opened in
 * place, if that is allowed.
 */
export const quickCrypto: ICryptoInterface = {
  ...defaultCrypto,

  generateX25519KeyPair: () => {
    const { privateKey } = generateKeyPairSync('x25519')
    const { x, d } = privateKey.export({ format: 'jwk' })
    const secret = Buffer.from(d!, 'base64url')

    ours.set(secret, privateKey)

    return { publicKey: Buffer.from(x!, 'base64url'), privateKey: secret }
  },

  generateX25519SharedKey: (privateKey, publicKey) => {
    const own = ours.get(privateKey)

    return own == null
      ? defaultCrypto.generateX25519SharedKey(privateKey, publicKey)
      : diffieHellman({ privateKey: own, publicKey: read(publicKey) })
  },

  chaCha20Poly1305Encrypt: (plaintext, nonce, ad, k) => {
    const cipher = forLong(plaintext.byteLength, ad)

    if (cipher == null) {
      return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, k)
    }

    const message = takeFrame(plaintext.byteLength + TAG).subarray(HEAD)

    cipher.seal(k.subarray(), nonce, plaintext, message)

    return message
  },

  chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, k, dst) => {
    const cipher = dst === IN_PLACE ? forLong(ciphertext.byteLength, ad) : undefined

    return cipher == null
      ? defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, k)
      : cipher.open(k.subarray(), nonce, ciphertext)
  }
}

/** Additional data belongs to handshakes, which are short. */
function forLong (byteLength: number, ad: Uint8Array | { byteLength: number }): Chacha | undefined {
  if (byteLength < LONG_BYTES || ad.byteLength > 0) {
    return undefined
  }

  if (longBytes < LOAD_AFTER_BYTES) {
    longBytes += byteLength
    chacha = longBytes < LOAD_AFTER_BYTES ? undefined : loadChacha()
  }

  return chacha
}

function read (publicKey: Parameters<ICryptoInterface['generateX25519SharedKey']>[1]): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(publicKey.subarray()).toString('base64url') } })
}
