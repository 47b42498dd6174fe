import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

/** What a program costs that does nothing, and a job that comes while it is measured. */
describe('the floor of a worker', () => {
  let mesh: TestMesh

  beforeEach(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
  })
  afterEach(async () => mesh.close())

  it('gives way to jobs, and is in the list of nodes in the end', async () => {
    await mesh.worker('one')

    const { code, stdout } = await mesh.run(['run', '--runs', '3', '--format', 'json', '--', 'true'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0]).toMatchObject({ quiet_wait: 0 })

    const floor = await floorOf(mesh, 'one')
    expect(floor.floor_min_ns).toBeGreaterThan(0)
    expect(floor.floor_ns).toBeGreaterThanOrEqual(floor.floor_min_ns)
  })
})

/** It is measured when the worker has nothing else to do. */
async function floorOf (mesh: TestMesh, name: string): Promise<{ floor_ns: number, floor_min_ns: number }> {
  while (true) {
    const { stdout } = await mesh.run(['nodes', '--format', 'json'])
    const row = JSON.parse(stdout).find((row: { name: string }) => row.name === name)

    if (row?.floor_ns != null) {
      return row
    }

    await delay(200)
  }
}
