import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import type { KeyObject } from 'node:crypto'

/** Our own private keys as Node.js has them, for as long as noise keeps their bytes. */
const ours = new WeakMap<object, KeyObject>()

/**
 * Noise's cryptography, with key agreement as RFC 7748 has it, by OpenSSL as
 * before, but with keys that are kept instead of parsed: of the two thirds of a
 * millisecond that each of the three agreements of a handshake took, nine tenths
 * went into reading a private key that this process had just written.
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
  }
}

function read (publicKey: Parameters<ICryptoInterface['generateX25519SharedKey']>[1]): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(publicKey.subarray()).toString('base64url') } })
}
