import '../../node/fail-on-rejection.ts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { MeshLink } from '../../../src/roles/client/mesh-link.ts'
import { RENEW_CHECK_MS } from '../../../src/roles/link.ts'
import { TestMesh } from '../../node/mesh.ts'

let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

it('has nothing to renew before it has found a master', async () => {
  const node = await mesh.stranger()

  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })

  try {
    const link = new MeshLink(node, { meshId: mesh.id, addresses: [] }, {})

    expect(() => { vi.advanceTimersByTime(RENEW_CHECK_MS) }).not.toThrow()
    await link.close()
  } finally {
    vi.useRealTimers()
  }
})
