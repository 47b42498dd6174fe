import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMeshKey, meshIdOf, sealMembership } from '../../src/node/membership.ts'
import { createToken, formatToken } from '../../src/node/token.ts'
import { findMesh } from '../../src/roles/find-mesh.ts'
import { writeLocalMaster } from '../../src/roles/local.ts'
import { saveMembership } from '../../src/roles/member.ts'
import type { Role } from '../../src/model/roles.ts'
import type { FindOptions } from '../../src/roles/find-mesh.ts'

describe('which mesh is meant', () => {
  let root: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'meshmark-find-'))
    vi.stubEnv('XDG_RUNTIME_DIR', root)
  })

  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(root, { recursive: true, force: true })
  })

  async function find (options: Partial<FindOptions> = {}): ReturnType<typeof findMesh> {
    return findMesh({ role: 'client', dataRoot: join(root, 'data'), masters: [], ...options })
  }

  /** A master that runs here, as this process. */
  async function local (meshId: string, port: number): Promise<string> {
    const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`
    const token = (role: Role): string => formatToken(createToken(meshId, role))

    await writeLocalMaster({ meshId, peerId, pid: process.pid, startedAtMs: port, addresses: [address], tokens: { worker: token('worker'), client: token('client'), admin: token('admin'), master: token('master') } })

    return address
  }

  /** A mesh in which this machine has a membership. */
  async function joined (role: 'client' | 'admin', masters: string[]): Promise<string> {
    const meshKey = await createMeshKey()
    const meshId = meshIdOf(meshKey)
    const membership = await sealMembership(meshKey, { peerId: meshId, roles: [role], name: 'here', issuedAt: Date.now(), expiresAt: Date.now() + 60_000 })

    await saveMembership(join(root, 'data', meshId, role, '0'), { meshId, membership, masters })

    return meshId
  }

  it('is the one whose masters run here, by the addresses of all of them', async () => {
    const meshId = meshIdOf(await createMeshKey())
    const addresses = [await local(meshId, 1), await local(meshId, 2)]

    expect(await find()).toMatchObject({ meshId, addresses, typed: false })
  })

  it('is the one that has any of the addresses that were typed', async () => {
    const [one, other] = [meshIdOf(await createMeshKey()), meshIdOf(await createMeshKey())]

    await local(one, 1)
    await local(other, 2)
    await local(other, 3)

    await expect(find()).rejects.toThrow('2 meshes run on this machine')
    expect(await find({ masters: ['192.0.2.1:4747', 'localhost:3'] })).toMatchObject({ meshId: other, addresses: ['/ip4/192.0.2.1/tcp/4747', '/dns/localhost/tcp/3'], typed: true })
  })

  it('is, of those once joined, the one with a master at the address that was typed', async () => {
    const one = await joined('client', ['/ip4/192.0.2.1/tcp/4747'])

    await joined('client', ['/ip4/192.0.2.2/tcp/4747'])

    expect(await find({ masters: ['192.0.2.1'] })).toMatchObject({ meshId: one, addresses: ['/ip4/192.0.2.1/tcp/4747'], typed: true })
  })

  it('is also one that this machine administers', async () => {
    const meshId = await joined('admin', [])

    expect(await find()).toMatchObject({ meshId, role: 'admin' })
    expect((await find({ role: 'admin' })).role).toBeUndefined()
  })

  it('is none where nothing is known', async () => {
    await expect(find()).rejects.toThrow('no mesh is known here')
  })
})
