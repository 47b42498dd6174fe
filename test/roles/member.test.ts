import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMeshKey, meshIdOf, sealMembership } from '../../src/node/membership.ts'
import { loadMember, rememberMasters, saveMembership, storedMeshes } from '../../src/roles/member.ts'

describe('what a member keeps of its mesh', () => {
  let root: string
  let dir: string
  let meshId: string
  let ids: string[]
  let seal: (name: string) => Promise<Uint8Array>

  const at = (port: number, id: number): string => `/ip4/192.0.2.1/tcp/${port}/p2p/${ids[id]}`
  const master = (id: number, masters: string[]) => ({ id: ids[id]!, reachedAt: at(id, id), addresses: [at(id, id)], masters })

  beforeEach(async () => {
    const meshKey = await createMeshKey()

    root = await mkdtemp(join(tmpdir(), 'meshmark-member-'))
    meshId = meshIdOf(meshKey)
    dir = join(root, meshId, 'client', '0')
    ids = await Promise.all([0, 1, 2].map(async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()))
    seal = async name => sealMembership(meshKey, { peerId: ids[0]!, roles: ['client'], name, issuedAt: Date.now(), expiresAt: Date.now() + 60_000 })
  })

  afterEach(async () => { await rm(root, { recursive: true, force: true }) })

  it('is where all masters are, the one that answered last first', async () => {
    await saveMembership(dir, { meshId, membership: await seal('a'), masters: [at(1, 1)] })
    await rememberMasters(dir, ids[0]!, master(2, [at(2, 2), at(1, 1)]))

    expect((await loadMember(dir, ids[0]!))?.masters).toEqual([at(2, 2), at(1, 1)])
    expect(await storedMeshes(root, 'client')).toMatchObject([{ meshId, masters: [at(2, 2), at(1, 1)] }])
  })

  it('is not written again when nothing has changed', async () => {
    await saveMembership(dir, { meshId, membership: await seal('a'), masters: [] })
    await rememberMasters(dir, ids[0]!, master(1, [at(1, 1)]))
    // every write makes another file
    const before = await stat(join(dir, 'membership.json'))

    await rememberMasters(dir, ids[0]!, master(1, [at(1, 1)]))

    expect((await stat(join(dir, 'membership.json'))).ino).toBe(before.ino)
  })

  it('loses neither a renewal nor a master when both come at once', async () => {
    await saveMembership(dir, { meshId, membership: await seal('a'), masters: [] })
    const renewed = await seal('b')

    await Promise.all([
      rememberMasters(dir, ids[0]!, master(1, [at(1, 1), at(2, 2)])),
      saveMembership(dir, { meshId, membership: renewed, masters: [at(1, 1), at(2, 2)] }),
      rememberMasters(dir, ids[0]!, master(2, [at(1, 1), at(2, 2)]))
    ])

    const member = await loadMember(dir, ids[0]!)

    expect(Buffer.from(member!.membership)).toEqual(Buffer.from(renewed))
    expect(member!.masters).toEqual([at(2, 2), at(1, 1)])
  })

  it('is nothing where there is no membership, and the masters are told all the same', async () => {
    expect(await rememberMasters(dir, ids[0]!, master(1, [at(1, 1), at(2, 2)]))).toEqual([at(1, 1), at(2, 2)])
    expect(await loadMember(dir, ids[0]!)).toBeUndefined()
  })
})
