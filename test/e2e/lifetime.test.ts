import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'
import type { NodeProcess } from './mesh.ts'

/** A program that says where it is every tenth of a second, for some two seconds. */
const COUNT = ['sh', '-c', 'echo begin; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i; sleep 0.1; done']
const COUNTED = ['begin', ...Array.from({ length: 20 }, (_, i) => String(i + 1)), ''].join('\n')

describe('what is accepted outlives', () => {
  let mesh: TestMesh
  let master: NodeProcess
  let worker: NodeProcess

  beforeEach(async () => {
    mesh = await TestMesh.create()
    master = await mesh.master()
    worker = await mesh.worker('lab-1')
  })

  afterEach(async () => { await mesh.close() })

  async function killMaster (): Promise<void> {
    await master.stop('SIGKILL')
    master = await mesh.master()
  }

  it('a master killed right after it was accepted', async () => {
    const { stdout, code } = await mesh.run(['exec', '--detach', '--name', 'kept', ...COUNT])
    expect(code).toBe(0)
    await killMaster()

    const shown = await mesh.run(['attach', 'kept'])
    expect(shown.code).toBe(0)
    expect((await mesh.run(['logs', 'kept'])).stdout).toBe(COUNTED)
    expect((await mesh.run(['jobs', '--format', 'json'])).stdout).toContain(stdout.trim().toUpperCase())
  })

  it('a master killed while it runs, again and again, with every line once and one start', async () => {
    const client = mesh.start(['exec', ...COUNT])
    let printed = ''
    let look = (): void => {}

    // one listener from the beginning: what comes while nobody listens would be gone
    client.stdout.setEncoding('utf8').on('data', text => {
      printed += text
      look()
    })

    for (const milestone of ['begin', '7', '14']) {
      await new Promise<void>(resolve => {
        look = () => {
          if (printed.split('\n').includes(milestone)) {
            resolve()
          }
        }
        look()
      })
      await killMaster()
    }

    const { code } = await client.closed
    expect(printed).toBe(COUNTED)
    expect(code).toBe(0)
  })

  it('a master that is killed after the end: the result is there', async () => {
    expect((await mesh.run(['run', '--name', 'done', '--runs', '5', 'true'])).code).toBe(0)
    await killMaster()

    const { stdout, code } = await mesh.run(['show', 'done', '--format', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].times).toHaveLength(5)
  })

  it('its client: it goes on without it', async () => {
    const client = mesh.start(['exec', '--name', 'alone', ...COUNT])
    await once(client.stdout, 'data')
    client.kill('SIGKILL')
    await client.closed

    expect((await mesh.run(['attach', 'alone'])).code).toBe(0)
    expect((await mesh.run(['logs', 'alone'])).stdout).toBe(COUNTED)
  })

  it('a worker that is told to stop: it finishes and delivers first', async () => {
    const client = mesh.start(['exec', ...COUNT])
    await once(client.stdout, 'data')
    const stopped = worker.stop('SIGTERM')
    const { code } = await client.closed

    expect(code).toBe(0)
    expect((await stopped).code).toBe(0)
  })

  it('a worker killed while it runs says so when it is back, runs nothing twice and leaves nothing', async () => {
    const client = mesh.start(['exec', '--name', 'cut', 'sh', '-c', 'echo begin; exec sleep 4321.5'])
    await once(client.stdout, 'data')
    expect(await processesWith('4321.5')).not.toEqual([])

    await worker.stop('SIGKILL')
    await eventually('the program is gone', async () => (await processesWith('4321.5')).length === 0)

    worker = await mesh.worker('lab-1')
    const { code } = await client.closed
    expect(code).toBe(125)
    expect((await mesh.run(['logs', 'cut'])).stdout).toBe('begin\n')
    expect((await mesh.run(['show', 'cut'])).stdout).toMatch(/interrupted/)
    expect((await mesh.run(['exec', 'true'])).code).toBe(0)
  })
})

describe('nothing is left running', () => {
  let mesh: TestMesh

  beforeEach(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
  })

  afterEach(async () => { await mesh.close() })

  it('of a job that is cancelled', async () => {
    await mesh.worker('lab-1')
    const client = mesh.start(['exec', '--name', 'victim', 'sh', '-c', 'setsid sleep 4321.25 & echo begin; sleep 4321.25'])
    await once(client.stdout, 'data')
    expect((await processesWith('4321.25')).length).toBeGreaterThan(0)

    expect((await mesh.run(['cancel', 'victim'])).code).toBe(0)
    // answered only when it is reaped
    expect(await processesWith('4321.25')).toEqual([])
    const { code } = await client.closed
    expect(code).toBe(125)
  })

  it('of a job that takes too long', async () => {
    await mesh.worker('lab-1')
    const { code } = await mesh.run(['exec', '--timeout', '300ms', 'sh', '-c', 'sleep 4321.75 & sleep 4321.75'])

    expect(code).not.toBe(0)
    expect(await processesWith('4321.75')).toEqual([])
  })

  it('of a worker that is stopped twice', async () => {
    const worker = await mesh.worker('lab-1')
    const client = mesh.start(['exec', 'sh', '-c', 'echo begin; sleep 4321.125'])
    await once(client.stdout, 'data')
    worker.kill('SIGTERM')
    await worker.line(/stopping|drain/i)
    await worker.stop('SIGTERM')

    expect(await processesWith('4321.125')).toEqual([])
  })
})
