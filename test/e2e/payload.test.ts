import { createHash, randomFillSync } from 'node:crypto'
import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MemoryWatch, memoryOf } from './memory.ts'
import { TestMesh } from './mesh.ts'
import { CountingProxy } from './proxy.ts'
import type { CommandResult, NodeProcess } from './mesh.ts'

const MiB = 1024 * 1024
const SIZE = 200 * MiB
/** How much a process may grow. */
const GROWTH = 100 * MiB
/** What a mesh says while it runs a job without sending content: far less than that content. */
const TALK = 4 * MiB
const WORKERS = ['w1', 'w2', 'w3']

describe('a payload', () => {
  let mesh: TestMesh
  let proxy: CountingProxy
  let tokens: { worker: string, client: string }
  let master: NodeProcess
  let workers: NodeProcess[]

  beforeAll(async () => {
    mesh = await TestMesh.create()
    proxy = await CountingProxy.start(mesh.port)
    master = await mesh.master()
    tokens = { worker: await token('worker'), client: await token('client') }
    workers = await Promise.all(WORKERS.map(async name => worker(name)))
  })

  afterAll(async () => {
    await mesh.close()
    await proxy.stop()
  })

  async function token (role: string): Promise<string> {
    const { stdout } = await mesh.run(['token', 'create', role])

    return /join (\S+)@/.exec(stdout)?.[1] ?? ''
  }

  /** Through the counter, unlike those of the harness. */
  async function worker (name: string, args: string[] = []): Promise<NodeProcess> {
    return mesh.worker(name, ['--token', tokens.worker, ...args], proxy.address)
  }

  function through (args: string[]): string[] {
    const [command = '', ...rest] = args

    return [command, '--master', proxy.address, '--token', tokens.client, '--no-mdns', ...rest]
  }

  /** Content that no compression helps; resolves with its digest. */
  async function randomFile (name: string, bytes: number): Promise<string> {
    const file = await open(join(mesh.dir, 'work', name), 'w')
    const hash = createHash('sha256')

    for (let left = bytes; left > 0; left -= MiB) {
      const piece = randomFillSync(Buffer.alloc(Math.min(left, MiB)))
      hash.update(piece)
      await file.write(piece)
    }

    await file.close()

    return hash.digest('hex')
  }

  function digestRun (name: string, on = 'all'): string[] {
    return through(['run', '--runs', '1', '--on', on, '--with', name, '--format', 'json', 'sha256sum', name])
  }

  /** Every worker's program saw these bytes and no others. */
  function expectSeen ({ code, stdout, stderr }: CommandResult, name: string, digest: string, by: string[]): void {
    expect(code, stderr).toBe(0)

    const printed = createHash('sha256').update(`${digest}  ${name}\n`).digest('hex')
    const seen = JSON.parse(stdout).results.map((result: any) => [result.worker.name, result.stdout_sha256])

    expect(seen.sort()).toEqual(by.map(name => [name, printed]))
  }

  it('of 200 MB reaches three workers whole, and no process grows by 100 MB', async () => {
    const digest = await randomFile('big', SIZE)
    const small = await randomFile('small', 1000)
    const pids: Record<string, number> = { master: master.pid, ...Object.fromEntries(workers.map((node, index) => [WORKERS[index], node.pid])) }

    const watched = async (name: string): Promise<{ result: CommandResult, peaks: Map<string, number> }> => {
      const watch = new MemoryWatch(pids)
      const command = mesh.start(digestRun(name))
      watch.add('client', command.pid!)
      const result = await mesh.outcome(command)

      return { result, peaks: await watch.stop() }
    }

    // what a job costs that carries nothing: the client and the boxes are new each time
    const idle = await watched('small')
    expectSeen(idle.result, 'small', small, WORKERS)

    const before = new Map(Object.entries(pids).map(([name, pid]) => [name, memoryOf(pid)!.now]))
    proxy.reset()
    const { result, peaks } = await watched('big')
    expectSeen(result, 'big', digest, WORKERS)

    // once from the client, and twice at most to the workers, who pass it on among themselves
    expect(proxy.up).toBeGreaterThan(SIZE)
    expect(proxy.down).toBeGreaterThan(SIZE)
    expect(proxy.down).toBeLessThan(2 * SIZE + TALK)

    const grown = new Map([...peaks].map(([name, peak]) => [name, peak - (before.get(name) ?? idle.peaks.get(name) ?? 0)]))
    expect([...grown.keys()]).toEqual(expect.arrayContaining(['master', 'client', ...WORKERS]))
    expect([...grown].filter(([, bytes]) => bytes >= GROWTH)).toEqual([])

    // and nothing of it when they have it already
    proxy.reset()
    expectSeen(await mesh.run(digestRun('big')), 'big', digest, WORKERS)
    expect(proxy.up + proxy.down).toBeLessThan(TALK)

    // nor after all of them were started anew
    await Promise.all(workers.map(async node => node.stop()))
    await master.stop()
    master = await mesh.master()
    workers = await Promise.all(WORKERS.map(async name => worker(name)))
    proxy.reset()
    expectSeen(await mesh.run(digestRun('big')), 'big', digest, WORKERS)
    expect(proxy.up + proxy.down).toBeLessThan(TALK)
  }, 300_000)

  it('goes on where it stopped when its client was killed on the way', async () => {
    const size = 64 * MiB
    const digest = await randomFile('half', size)

    proxy.reset()
    const client = mesh.start(digestRun('half', 'w1'))
    await proxy.sentUp(size / 2)
    client.kill('SIGKILL')
    await client.closed

    proxy.reset()
    expectSeen(await mesh.run(digestRun('half', 'w1')), 'half', digest, ['w1'])
    // what was still in buffers when it died comes again
    expect(proxy.up).toBeLessThan(size / 2 + 8 * MiB)
  })

  it('that changes while it is sent ends in one line, and another attempt sends what it is now', async () => {
    const size = 64 * MiB

    await randomFile('changing', size)
    proxy.reset()
    const client = mesh.start(digestRun('changing', 'w1'))
    const sent = proxy.sentUp(size / 4)
    await sent
    await appendFile(join(mesh.dir, 'work', 'changing'), 'one more line\n')

    const { code, stdout, stderr } = await mesh.outcome(client)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^meshmark: .*changing changed while it was being read: .*\n$/)

    const digest = await randomFile('changing', size)
    expectSeen(await mesh.run(digestRun('changing', 'w1')), 'changing', digest, ['w1'])
  })

  it('that a worker has no room for ends its row in one line, and the others are measured', async () => {
    const digest = await randomFile('wide', 12 * MiB)
    const narrow = await worker('narrow', ['--payload-store', '10M'])

    const { code, stdout, stderr } = await mesh.run(through(['run', '--runs', '1', '--on', 'w1,narrow', '--with', 'wide', 'sha256sum', 'wide']))

    expect(code, stderr).toBe(1)
    expect(stdout).toMatch(/^narrow\s.*12\.0 MB does not fit the store of 10\.0 MB/m)
    expect(stdout).toMatch(/^w1 .*\b1\b/m)

    await narrow.stop()
    expectSeen(await mesh.run(digestRun('wide', 'w1')), 'wide', digest, ['w1'])
  })
})
