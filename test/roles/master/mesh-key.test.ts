import { generateKeyPair } from '@libp2p/crypto/keys'
import { describe, expect, it } from 'vitest'
import { createMeshKey, meshIdOf } from '../../../src/node/membership.ts'
import { decodeMeshKey, encodeMeshKey } from '../../../src/roles/master/mesh-key.ts'

describe('a mesh key that another master hands over', () => {
  it('is the one that the mesh is named after', async () => {
    const key = await createMeshKey()
    const received = await decodeMeshKey(encodeMeshKey(key), meshIdOf(key), 'boss')

    expect(received.equals(key)).toBe(true)
  })

  it('is refused when it is that of another mesh', async () => {
    await expect(decodeMeshKey(encodeMeshKey(await createMeshKey()), meshIdOf(await createMeshKey()), 'boss')).rejects.toThrow(/the key that boss sent is not that of mesh/)
  })

  it('is refused when its private half is not its own', async () => {
    const key = await createMeshKey()
    const bytes = encodeMeshKey(key)
    const other = encodeMeshKey(await createMeshKey())
    // the private seed of another key, the public half of this one
    const mixed = Uint8Array.from([...other.subarray(0, bytes.byteLength - 32), ...bytes.subarray(bytes.byteLength - 32)])

    await expect(decodeMeshKey(mixed, meshIdOf(key), 'boss')).rejects.toMatchObject({ code: 'refused' })
  })

  it('is refused when it is damaged or of another kind', async () => {
    const key = await createMeshKey()

    await expect(decodeMeshKey(new Uint8Array(3), meshIdOf(key), 'boss')).rejects.toThrow(/the mesh key that boss sent is damaged/)
    await expect(decodeMeshKey(encodeMeshKey(await generateKeyPair('secp256k1')), meshIdOf(key), 'boss')).rejects.toMatchObject({ code: 'refused' })
  })
})
