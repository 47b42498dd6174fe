import { privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { MeshmarkError, toError } from '../../model/errors.ts'
import { meshIdOf, shortId } from '../../node/membership.ts'
import type { MeshId } from '../../node/membership.ts'
import type { PrivateKey } from '@libp2p/interface'

/** As one master hands it to another. */
export function encodeMeshKey (key: PrivateKey): Uint8Array {
  return privateKeyToProtobuf(key)
}

/** Refuses any key but that of the mesh. `from` is who sent it, for the message. */
export async function decodeMeshKey (bytes: Uint8Array, meshId: MeshId, from: string): Promise<PrivateKey> {
  let key: PrivateKey

  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (err) {
    throw new MeshmarkError('refused', `the mesh key that ${from} sent is damaged: ${toError(err).message}`, { cause: err })
  }

  const probe = Buffer.from(meshId)

  // it holds both halves, and the public one alone proves nothing
  if (key.type !== 'Ed25519' || meshIdOf(key) !== meshId || !await key.publicKey.verify(probe, await key.sign(probe))) {
    throw new MeshmarkError('refused', `the key that ${from} sent is not that of mesh ${shortId(meshId)}`)
  }

  return key
}
