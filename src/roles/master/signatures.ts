import { peerIdFromString } from '@libp2p/peer-id'
import { fromString } from 'uint8arrays/from-string'
import type { PrivateKey } from '@libp2p/interface'

/**
 * What a node states over its own name, for whoever hears it from others. The
 * first word says what kind of statement it is, the second of which mesh.
 */
export async function signWords (identity: PrivateKey, words: readonly unknown[]): Promise<Uint8Array> {
  return identity.sign(bytesOf(words))
}

export async function isSignedBy (peerId: string, words: readonly unknown[], signature: Uint8Array): Promise<boolean> {
  try {
    return await peerIdFromString(peerId).publicKey?.verify(bytesOf(words), signature) === true
  } catch {
    return false
  }
}

function bytesOf (words: readonly unknown[]): Uint8Array {
  return fromString(words.join('\0'))
}
