import { createCipheriv, createDecipheriv } from 'node:crypto'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { expect, it } from 'vitest'
import { loadChacha, TAG } from '../../src/node/chacha.ts'

const chacha = loadChacha()!
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 })
const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 6 })

it('is what node:crypto encrypts and decrypts, in whatever pieces', () => {
  fc.assert(fc.property(key, nonce, pieces, fc.nat(), (key, nonce, pieces, cut) => {
    const text = Buffer.concat(pieces)
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
    const theirs = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
    const ours = new Uint8Array(text.byteLength + TAG)

    chacha.seal(key, nonce, new Uint8ArrayList(...pieces), ours)
    expect(Buffer.from(ours)).toEqual(theirs)

    const at = cut % theirs.byteLength
    const inPieces = new Uint8ArrayList(Uint8Array.from(theirs.subarray(0, at)), Uint8Array.from(theirs.subarray(at)))

    expect(Buffer.from(chacha.open(key, nonce, inPieces).subarray())).toEqual(text)
    expect(Buffer.from(chacha.open(key, nonce, ours))).toEqual(text)
  }))
})

it('the plaintext takes the place of the ciphertext', () => {
  const [key, nonce, text] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(1_000).fill(7)]
  const sealed = new Uint8Array(text.byteLength + TAG)

  chacha.seal(key, nonce, text, sealed)

  expect(chacha.open(key, nonce, sealed).buffer).toBe(sealed.buffer)
})

it('throws at a tag, a text, a key or a nonce that is another, and works on afterwards', () => {
  fc.assert(fc.property(key, nonce, pieces, fc.nat(), (key, nonce, pieces, at) => {
    const text = Buffer.concat(pieces)
    const sealed = new Uint8Array(text.byteLength + TAG)

    chacha.seal(key, nonce, text, sealed)

    const changed = Uint8Array.from(sealed)

    changed[at % changed.byteLength]! ^= 1
    expect(() => chacha.open(key, nonce, changed)).toThrow()
    expect(() => chacha.open(key, nonce.map(byte => byte ^ 1), Uint8Array.from(sealed))).toThrow()

    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG }).setAuthTag(sealed.subarray(text.byteLength))

    expect(Buffer.concat([decipher.update(sealed.subarray(0, text.byteLength)), decipher.final()])).toEqual(text)
    expect(Buffer.from(chacha.open(key, nonce, sealed))).toEqual(text)
  }))
})

it('takes nothing shorter than a tag', () => {
  expect(() => chacha.open(new Uint8Array(32), new Uint8Array(12), new Uint8Array(TAG - 1))).toThrow()
})
