import { createDecipheriv } from 'node:crypto'
import { createRequire } from 'node:module'
import { Uint8ArrayList } from 'uint8arraylist'
import type * as Koffi from 'koffi'

/** A list of pieces, of whatever version of uint8arraylist. */
export interface Pieces extends Iterable<Uint8Array> {
  readonly byteLength: number
  subarray: (from?: number, to?: number) => Uint8Array
  sublist: (from?: number, to?: number) => Pieces
}

export type Bytes = Uint8Array | Pieces

/** Of Poly1305. */
export const TAG = 16

/** https://docs.openssl.org/3.0/man3/EVP_EncryptInit/ */
const GET_TAG = 0x10
const SET_TAG = 0x11

/**
 * ChaCha20-Poly1305 of RFC 8439, without additional data, by the OpenSSL that
 * Node.js itself uses, into memory that is there already. What `node:crypto`
 * offers makes a new buffer for each output, and it is these that cost: the
 * garbage collector took more time of a transfer than the cipher.
 */
export interface Chacha {
  /** Writes ciphertext and tag to `into`, which has room for both. */
  seal: (key: Uint8Array, nonce: Uint8Array, plaintext: Bytes, into: Uint8Array) => void
  /** Decrypts in place; the plaintext is what stands before the tag. Throws when the tag is another. */
  open: <T extends Bytes>(key: Uint8Array, nonce: Uint8Array, ciphertext: T) => T
}

/** Undefined where this Node.js shows nobody its OpenSSL. */
export function loadChacha (): Chacha | undefined {
  try {
    const koffi: typeof Koffi = createRequire(import.meta.url)('koffi')
    const chacha = bind(koffi.load(null))

    return isRight(chacha) ? chacha : undefined
  } catch {
    return undefined
  }
}

/** Whether `node:crypto` understands it: another library may have functions of the same names. */
function isRight ({ seal, open }: Chacha): boolean {
  const [key, nonce, text] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), new Uint8Array(100).fill(3)]
  const sealed = new Uint8Array(text.byteLength + TAG)

  seal(key, nonce, new Uint8ArrayList(text.subarray(0, 7), text.subarray(7)), sealed)

  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG }).setAuthTag(sealed.subarray(text.byteLength))
  const theirs = Buffer.concat([decipher.update(sealed.subarray(0, text.byteLength)), decipher.final()])

  return theirs.equals(text) && theirs.equals(open(key, nonce, sealed).subarray())
}

function bind (lib: Koffi.LibraryHandle): Chacha {
  const init = 'int %(void *ctx, void *cipher, void *engine, const uint8_t *key, const uint8_t *nonce)'
  const update = 'int %(void *ctx, uint8_t *out, uint8_t *outLength, const uint8_t *in, int length)'
  const final = 'int %(void *ctx, uint8_t *out, uint8_t *outLength)'
  const bound = (signature: string, name: string): Koffi.KoffiFunc<(...args: any[]) => any> => lib.func(signature.replace('%', name))
  const newContext = lib.func('void *EVP_CIPHER_CTX_new()')
  const control = lib.func('int EVP_CIPHER_CTX_ctrl(void *ctx, int type, int arg, uint8_t *ptr)')
  const cipher = lib.func('void *EVP_chacha20_poly1305()')()
  const [beginSeal, beginOpen] = [bound(init, 'EVP_EncryptInit_ex'), bound(init, 'EVP_DecryptInit_ex')]
  const [encrypt, decrypt] = [bound(update, 'EVP_EncryptUpdate'), bound(update, 'EVP_DecryptUpdate')]
  const [endSeal, endOpen] = [bound(final, 'EVP_EncryptFinal_ex'), bound(final, 'EVP_DecryptFinal_ex')]
  // for the whole life of the process: each call begins and ends within one turn
  const [sealing, opening] = [newContext(), newContext()]
  const length = new Uint8Array(4)
  const rest = new Uint8Array(TAG)

  expect(beginSeal(sealing, cipher, null, null, null))
  expect(beginOpen(opening, cipher, null, null, null))

  return {
    seal (key, nonce, plaintext, into) {
      let at = 0

      expect(beginSeal(sealing, null, null, key, nonce))

      for (const piece of pieces(plaintext)) {
        expect(encrypt(sealing, into.subarray(at), length, piece, piece.byteLength))
        at += piece.byteLength
      }

      expect(endSeal(sealing, rest, length))
      expect(control(sealing, GET_TAG, TAG, into.subarray(at)))
    },

    open<T extends Bytes> (key: Uint8Array, nonce: Uint8Array, ciphertext: T): T {
      const end = ciphertext.byteLength - TAG
      const text = ciphertext instanceof Uint8Array ? ciphertext.subarray(0, end) : ciphertext.sublist(0, end)

      expect(beginOpen(opening, null, null, key, nonce))

      for (const piece of pieces(text)) {
        expect(decrypt(opening, piece, length, piece, piece.byteLength))
      }

      expect(control(opening, SET_TAG, TAG, ciphertext.subarray(end)))
      expect(endOpen(opening, rest, length))

      return text as T
    }
  }
}

function pieces (bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}

function expect (outcome: number): void {
  if (outcome !== 1) {
    throw new Error('what was to be decrypted is not what was encrypted')
  }
}
