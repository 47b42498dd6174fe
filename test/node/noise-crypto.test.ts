import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { fromString } from 'uint8arrays/from-string'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { quickCrypto } from '../../src/node/noise-crypto.ts'

describe('key agreement', () => {
  it('comes to the same secret as the library, on either side', () => {
    for (let i = 0; i < 20; i++) {
      const ours = quickCrypto.generateX25519KeyPair()
      const theirs = defaultCrypto.generateX25519KeyPair()
      const secret = Buffer.from(quickCrypto.generateX25519SharedKey(ours.privateKey, theirs.publicKey))

      expect(secret).toEqual(Buffer.from(defaultCrypto.generateX25519SharedKey(theirs.privateKey, ours.publicKey)))
      // the library knows our keys as bytes
      expect(secret).toEqual(Buffer.from(defaultCrypto.generateX25519SharedKey(ours.privateKey, theirs.publicKey)))
      // a key may come in pieces, as the list of whatever version the library has
      const pieces: any = new Uint8ArrayList(Uint8Array.from(theirs.publicKey.subarray(0, 5)), Uint8Array.from(theirs.publicKey.subarray(5)))

      expect(secret).toEqual(Buffer.from(quickCrypto.generateX25519SharedKey(ours.privateKey, pieces)))
    }
  })

  it('takes a private key that it has not made: the example of RFC 7748, section 6.1', () => {
    const hex = (text: string): Uint8Array => fromString(text, 'hex')

    expect(Buffer.from(quickCrypto.generateX25519SharedKey(
      hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
      hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    )).toString('hex')).toBe('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742')
  })

  it('refuses a public key that leads to no secret', () => {
    const { privateKey } = quickCrypto.generateX25519KeyPair()

    expect(() => quickCrypto.generateX25519SharedKey(privateKey, new Uint8Array(32))).toThrow()
  })
})
