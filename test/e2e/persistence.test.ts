import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'
import type { NodeProcess } from './mesh.ts'

/** Less than a journal insists on. */
const LEFT_BYTES = 256 * 1024

/** Every process whose command line holds one of these texts, from now on. */
class Observer {
  readonly #seen = new Map<string, Set<string>>()
  readonly #timer: NodeJS.Timeout

  constructor (marks: string[]) {
    marks.forEach(mark => { this.#seen.set(mark, new Set()) })
    this.#timer = setInterval(() => { this.#look() }, 100)
  }

  /** How many there were so far. */
  starts (mark: string): number {
    return this.#seen.get(mark)!.size
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  #look (): void {
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
      const words = readIfThere(`/proc/${pid}/cmdline`)

      for (const [mark, pids] of this.#seen) {
        // a client that was given the same words is none of them
        if (words.includes(mark) && !words.includes('main.js')) {
          pids.add(pid)
        }
      }
    }
  }
}

/** Processes end while they are being looked at. */
function readIfThere (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

async function ok (mesh: TestMesh, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await mesh.run(args)
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)

  return stdout
}

/** By their ids, as the master at this address knows them. */
async function jobsAt (mesh: TestMesh, master: string): Promise<Map<string, string>> {
  const rows: Array<{ id: string, state: string }> = JSON.parse(await ok(mesh, ['jobs', '--format', 'json', '--master', master]))

  return new Map(rows.map(({ id, state }) => [id, state]))
}

/** A shell that says something and sleeps so long, which also is what it is known by. */
function sleeper (seconds: string): string[] {
  return ['sh', '-c', `echo begun; exec sleep ${seconds}`]
}

/** The only folder of a master's instance in a data folder. */
async function instanceDir (data: string): Promise<string> {
  const found = (await readdir(data)).filter(name => name.startsWith('12D3'))
  expect(found).toHaveLength(1)

  return join(data, found[0]!, 'master', '0')
}

/** One bit of what the database holds under the first such key is another one; the key. */
async function damage (data: string, prefix: string): Promise<string> {
  const level = new ClassicLevel<string, Buffer>(join(await instanceDir(data), 'journal'), { valueEncoding: 'buffer', compression: false })

  try {
    const [record] = await level.iterator({ gte: prefix, limit: 1 }).all()
    const [key, value] = record!
    expect(key.startsWith(prefix)).toBe(true)

    value[value.length - 1]! ^= 1
    await level.put(key, value, { sync: true })

    return key
  } finally {
    await level.close()
  }
}

describe('two masters and a worker', () => {
  // seconds, in digits that nobody else sleeps
  const [HELD, QUEUED, OLD, LATER] = ['71.0125391', '1.0375391', '3.5625391', '0.5875391'] as const
  let mesh: TestMesh
  let boss: NodeProcess
  let second: NodeProcess
  let worker: NodeProcess
  let secondAddress: string
  let observer: Observer

  beforeAll(async () => {
    mesh = await TestMesh.create()
    observer = new Observer([HELD, QUEUED, OLD, LATER])
    secondAddress = await mesh.addressOf('second')
    boss = await mesh.master()
    second = await mesh.master('second')
    worker = await mesh.worker('lab-1')
  })

  afterAll(async () => {
    observer?.stop()
    await mesh?.close()
  })

  /** Both know these jobs as finished, and no others. */
  async function eventuallyBothFinished (ids: string[]): Promise<void> {
    for (const address of [mesh.address, secondAddress]) {
      await eventually(`the jobs at ${address}`, async () => {
        const known = await jobsAt(mesh, address)

        return known.size === ids.length && ids.every(id => known.get(id) === 'finished')
      })
    }
  }

  async function idsOf (...names: string[]): Promise<string[]> {
    const rows: Array<{ id: string, name?: string }> = JSON.parse(await ok(mesh, ['jobs', '--format', 'json']))

    return names.map(name => rows.find(row => row.name === name)!.id)
  }

  it('lose nothing and run nothing twice when all are killed at once in the middle of a job', async () => {
    await ok(mesh, ['exec', '--detach', '--replicas', '2', '--name', 'held', ...sleeper(HELD)])
    await eventually('its output is here', async () => (await mesh.run(['logs', 'held'])).stdout === 'begun\n')
    await ok(mesh, ['run', '--detach', '--replicas', '2', '--runs', '1', '--warmup', '0', '--name', 'queued', ...sleeper(QUEUED)])

    for (const node of [boss, second, worker]) {
      node.kill('SIGKILL')
    }

    await Promise.all([boss, second, worker].map(async ({ ended }) => ended))
    ;[boss, second, worker] = await Promise.all([mesh.master(), mesh.master('second'), mesh.worker('lab-1')])

    expect((await mesh.run(['attach', 'queued'])).code).toBe(0)
    const held = await mesh.run(['attach', 'held'])
    expect(held.stdout).toBe('begun\n')
    expect(held.code).toBe(125)
    expect(held.stderr).toMatch(/the worker was killed or its machine went down while the program ran/)

    await eventuallyBothFinished(await idsOf('held', 'queued'))
    expect(observer.starts(HELD)).toBe(1)
    expect(observer.starts(QUEUED)).toBe(1)
  })

  it('name a damaged record, and the other one has what is missing', async () => {
    const before = await ok(mesh, ['show', 'queued', '--format', 'json'])

    await second.stop()
    const key = await damage(mesh.dataOf('second'), `result/${(await idsOf('queued'))[0]}`)
    second = await mesh.master('second')

    await second.line(new RegExp(`journal: ${key} was damaged and is set aside`))
    await eventually('it is there again', async () => {
      const { stdout } = await mesh.run(['show', 'queued', '--format', 'json', '--master', secondAddress])

      return stdout === before
    })
  })

  it('have everything again when one is restored from an old copy, and nothing that has ended comes back to life', async () => {
    await ok(mesh, ['exec', '--detach', '--name', 'old', ...sleeper(OLD)])
    await eventually('it runs', async () => (await mesh.run(['logs', 'old'])).stdout === 'begun\n')

    const copy = join(mesh.dir, 'copy')
    await second.stop()
    await cp(mesh.dataOf('second'), copy, { recursive: true })
    second = await mesh.master('second')

    expect((await mesh.run(['attach', 'old'])).code).toBe(0)
    await ok(mesh, ['exec', '--name', 'later', ...sleeper(LATER)])
    const ids = await idsOf('held', 'queued', 'old', 'later')
    await eventuallyBothFinished(ids)

    const restore = async (): Promise<void> => {
      await rm(mesh.dataOf('second'), { recursive: true })
      await cp(copy, mesh.dataOf('second'), { recursive: true })
      second = await mesh.master('second')
    }

    await second.stop('SIGKILL')
    await restore()
    await eventuallyBothFinished(ids)
    expect(await ok(mesh, ['logs', 'later', '--master', secondAddress])).toBe('begun\n')

    // removed everywhere while the copy still has them, one of them unfinished
    await second.stop('SIGKILL')
    await boss.stop()
    boss = await mesh.master(['--retain', '1ms'])
    await boss.line(/removed 4 jobs/)
    await restore()
    await eventuallyBothFinished([])
    await ok(mesh, ['exec', '--name', 'new', 'true'])
    await eventuallyBothFinished(await idsOf('new'))
    expect(observer.starts(OLD)).toBe(1)
    expect(observer.starts(LATER)).toBe(1)
  })
})

// with the time of npm run test:faults
describe.runIf(process.env['FAULTS'] === 'all')('a master alone', () => {
  let mesh: TestMesh
  let disk: string
  let boss: NodeProcess
  let isMounted = false

  async function start (): Promise<void> {
    boss = await mesh.master(['--data', disk])
  }

  beforeAll(async () => {
    mesh = await TestMesh.create()
    disk = join(mesh.dir, 'disk')
    await mkdir(disk)

    if (process.getuid?.() === 0) {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', disk])
      isMounted = true
    }

    await start()
    await mesh.worker('lab-1')
  })

  afterAll(async () => {
    await boss?.stop()

    if (isMounted) {
      execFileSync('umount', [disk])
    }

    await mesh?.close()
  })

  it('refuses new jobs with the reason while its disk is full, and keeps what it has', async ({ skip }) => {
    skip(!isMounted, 'only root mounts a small disk')
    await ok(mesh, ['exec', '--name', 'kept', 'echo', 'kept'])

    const { bavail, bsize } = await statfs(disk)
    await writeFile(join(disk, 'filler'), Buffer.alloc(bavail * bsize - LEFT_BYTES))
    await writeFile(join(mesh.dir, 'work', 'data.bin'), Buffer.alloc(4 * LEFT_BYTES, 7))

    for (const args of [['exec', 'echo', 'no'], ['exec', '--with', 'data.bin', 'wc', 'data.bin']]) {
      const refused = await mesh.run(args)
      expect(refused.code).toBe(125)
      expect(refused.stderr).toMatch(/meshmark: .*the disk of .* is full: free some space there/)
    }

    expect([...(await jobsAt(mesh, mesh.address)).values()]).toEqual(['finished'])
    expect(await ok(mesh, ['logs', 'kept'])).toBe('kept\n')

    await rm(join(disk, 'filler'))
    expect(await ok(mesh, ['exec', 'echo', 'again'])).toBe('again\n')
    expect((await jobsAt(mesh, mesh.address)).size).toBe(2)
  })

  it('names a damaged record, sets it aside, and goes on with the others', async () => {
    await ok(mesh, ['exec', '--name', 'sound', 'echo', 'sound'])
    const before = await jobsAt(mesh, mesh.address)
    await boss.stop()
    const key = await damage(disk, 'job/')

    await start()
    await boss.line(new RegExp(`journal: ${key} was damaged and is set aside: the record does not match its checksum`))
    const damaged = key.slice('job/'.length)
    expect(before.has(damaged)).toBe(true)
    expect([...(await jobsAt(mesh, mesh.address)).keys()].sort()).toEqual([...before.keys()].filter(id => id !== damaged).sort())
    expect(await ok(mesh, ['logs', 'sound'])).toBe('sound\n')
    expect(await ok(mesh, ['exec', 'echo', 'new'])).toBe('new\n')

    await boss.stop()
    await start()
    expect(boss.lines.join('\n')).not.toMatch(/damaged/)
  })
})
