import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mergeLocalMasters, readLocalMeshes, removeLocalMaster, removeLocalMesh, sameEndpoint, writeLocalMaster } from '../../src/roles/local.ts'
import type { LocalMaster } from '../../src/roles/local.ts'

function master (peerId: string, init: Partial<LocalMaster> = {}): LocalMaster {
  const port = 4000 + peerId.length
  return {
    meshId: 'mesh-a',
    peerId,
    pid: process.pid,
    startedAtMs: 0,
    addresses: [`/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`],
    tokens: { worker: `w-${peerId}`, client: `c-${peerId}`, admin: `a-${peerId}`, master: `m-${peerId}` },
    ...init
  }
}

describe('the masters of this machine', () => {
  it('are one mesh each, whichever master it was that came first', () => {
    const meshes = mergeLocalMasters([
      master('late', { startedAtMs: 3 }), master('other', { meshId: 'mesh-b', startedAtMs: 2 }), master('first', { startedAtMs: 1 })
    ])

    expect(meshes.map(({ meshId, masters }) => [meshId, masters.map(({ peerId }) => peerId)])).toEqual([['mesh-a', ['first', 'late']], ['mesh-b', ['other']]])
    expect(meshes[0]!.addresses).toEqual([...master('first').addresses, ...master('late').addresses])
    expect(meshes[0]!.tokens.worker).toBe('w-first')
  })

  it('do not change with the order in which their files are read', () => {
    const masters = [master('b'), master('a'), master('ccc', { startedAtMs: -1 })]

    expect(mergeLocalMasters([...masters].reverse())).toEqual(mergeLocalMasters(masters))
  })

  describe('in files', () => {
    let dir: string

    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'meshmark-local-'))
      vi.stubEnv('XDG_RUNTIME_DIR', dir)
    })

    afterEach(async () => {
      vi.unstubAllEnvs()
      await rm(dir, { recursive: true, force: true })
    })

    it('have one each, and nobody takes away that of another', async () => {
      await writeLocalMaster(master('12D3-aaaaaaaa'))
      await writeLocalMaster(master('12D3-bbbbbbbb', { startedAtMs: 1 }))
      expect((await readLocalMeshes())[0]!.masters).toHaveLength(2)

      await removeLocalMaster('mesh-a', '12D3-aaaaaaaa')
      expect((await readLocalMeshes()).flatMap(({ masters }) => masters)).toMatchObject([master('12D3-bbbbbbbb', { startedAtMs: 1 })])
    })

    it('are forgotten together at the end of their mesh', async () => {
      await writeLocalMaster(master('12D3-aaaaaaaa'))
      await writeLocalMaster(master('12D3-bbbbbbbb', { pid: 2 ** 30 }))
      await writeLocalMaster(master('12D3-cccccccc', { meshId: 'mesh-b' }))
      await removeLocalMesh('mesh-a')
      expect(await readdir(join(dir, 'meshmark'))).toEqual(['master-mesh-b-cccccccc.json'])
    })

    it('are passed over when their process is gone', async () => {
      // no Linux has as many
      await writeLocalMaster(master('12D3-aaaaaaaa', { pid: 2 ** 30 }))
      expect(await readLocalMeshes()).toEqual([])
    })
  })
})

describe('an endpoint', () => {
  it.each([
    ['/ip4/127.0.0.1/tcp/1/p2p/a', '/ip4/127.0.0.1/tcp/1', true],
    ['/dns/localhost/tcp/1', '/ip4/127.0.0.1/tcp/1/p2p/a', true],
    ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2', false]
  ])('%s is that of %s: %s', (a, b, same) => {
    expect(sameEndpoint(a, b)).toBe(same)
  })
})
