import '../../src/node/polyfill.ts'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ROLES } from '../../src/model/roles.ts'
import { createMeshKey, meshIdOf, open, openMembership, readMembership, seal, sealMembership } from '../../src/node/membership.ts'
import { HOLD_MS, Twins } from '../../src/node/twins.ts'

describe('sealed things', () => {
  it('open to what was sealed, and tell who signed', async () => {
    const key = await generateKeyPair('Ed25519')

    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 1_000 }), async payload => {
      expect(await open(await seal(key, 'meshmark-job', payload), 'meshmark-job')).toEqual({ payload, signer: peerIdFromPrivateKey(key).toString() })
    }), { numRuns: 50 })
  })

  it('for one purpose do not open for another', async () => {
    const envelope = await seal(await generateKeyPair('Ed25519'), 'meshmark-job', new Uint8Array([1]))

    await expect(open(envelope, 'meshmark-ticket')).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('a sealed ticket could not be opened') })
  })

  it('that are any other bytes are refused', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
      await expect(open(bytes, 'meshmark-job')).rejects.toMatchObject({ code: 'refused' })
    }))
  })
})

describe('a sealed membership', () => {
  it('opens for its mesh to what it said, whatever the roles and the name', async () => {
    const meshKey = await createMeshKey()
    const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()

    await fc.assert(fc.asyncProperty(fc.uniqueArray(fc.constantFrom(...ROLES), { minLength: 1 }), fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/), fc.nat(), async (roles, name, issuedAt) => {
      const membership = { peerId, roles, name, issuedAt, expiresAt: issuedAt + 86_400_000 }
      const envelope = await sealMembership(meshKey, membership)

      expect(await openMembership(envelope, meshIdOf(meshKey))).toEqual(membership)
      expect(readMembership(envelope)).toEqual({ membership, meshId: meshIdOf(meshKey) })
    }), { numRuns: 30 })
  })

  it('is nothing to another mesh, and nothing without the seal of memberships', async () => {
    const [meshKey, other] = [await createMeshKey(), await createMeshKey()]
    const membership = { peerId: meshIdOf(other), roles: ['client' as const], name: 'anna', issuedAt: 1, expiresAt: 2 }

    await expect(openMembership(await sealMembership(meshKey, membership), meshIdOf(other))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('was sealed by') })
    await expect(openMembership(await seal(meshKey, 'meshmark-job', new Uint8Array(8)), meshIdOf(meshKey))).rejects.toMatchObject({ code: 'refused' })
    await expect(openMembership(await seal(meshKey, 'meshmark-membership', new Uint8Array([255, 255])), meshIdOf(meshKey))).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('the membership is damaged') })
  })
})

describe('twins', () => {
  it('are held for a while after a conflict, and nobody else is', () => {
    const twins = new Twins()

    expect(twins.isHeld('a', 0)).toBe(false)
    twins.conflict('a', 1_000)
    expect(twins.isHeld('a', 1_000 + HOLD_MS - 1)).toBe(true)
    expect(twins.isHeld('b', 1_000)).toBe(false)
    expect(twins.isHeld('a', 1_000 + HOLD_MS)).toBe(false)
    twins.conflict('b', 20_000)
    expect(twins.isHeld('b', 20_001)).toBe(true)
  })
})
