import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import type { ChildProcess } from 'node:child_process'

/** Strangers keep the cores busy for as long as the test wants. */
describe('a job that waits for a quiet machine', () => {
  let mesh: TestMesh
  let strangers: ChildProcess[]

  beforeEach(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('one')
    // an eighth of the machine
    strangers = Array.from({ length: Math.ceil(cpus().length / 8) }, () => spawn(process.execPath, ['-e', 'while (true) {}'], { stdio: 'ignore' }))
    await Promise.all(strangers.map(async stranger => once(stranger, 'spawn')))
  })
  afterEach(async () => {
    await Promise.all(strangers.map(async stranger => {
      stranger.kill('SIGKILL')
      await once(stranger, 'exit')
    }))
    await mesh.close()
  })

  it('begins after its patience all the same, and says how long it waited', async () => {
    const { code, stdout } = await mesh.run(['run', '--runs', '1', '--quiet-wait', '300ms', '--format', 'json', '--', 'true'])

    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].quiet_wait).toBeGreaterThanOrEqual(0.3)
  })

  it('can be seen waiting, and be cancelled', async () => {
    const { stdout } = await mesh.run(['run', '--runs', '1', '--quiet-wait', '10m', '--detach', '--', 'true'])
    const job = stdout.trim().split(/\s+/).at(-1)!

    await settling(mesh)

    const { code } = await mesh.run(['cancel', job])
    const { stdout: jobs } = await mesh.run(['jobs', '--format', 'json'])

    expect(code).toBe(0)
    expect(JSON.parse(jobs)).toEqual([expect.objectContaining({ state: 'cancelled' })])
    // the slot is free at once
    expect((await mesh.run(['exec', '--', 'echo', 'free'])).stdout).toBe('free\n')
  })
})

/** The worker says on its control stream that it waits. */
async function settling (mesh: TestMesh): Promise<void> {
  while (true) {
    const { stdout } = await mesh.run(['nodes'])

    if (stdout.includes('waiting for its machine to become quiet')) {
      return
    }

    await delay(100)
  }
}
