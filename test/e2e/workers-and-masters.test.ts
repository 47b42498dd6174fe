import { chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeProcess, TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'

/** Paths below a folder, at any depth. */
async function paths (dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])

  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

// takes a minute: npm run test:faults
describe.runIf(process.env['FAULTS'] === 'all')('a worker of two masters', () => {
  let mesh: TestMesh
  let boss: NodeProcess
  let second: NodeProcess
  let worker: NodeProcess

  function times (pattern: RegExp, node = worker): number {
    return node.lines.filter(line => pattern.test(line)).length
  }

  async function ok (args: string[]): Promise<string> {
    const { code, stdout, stderr } = await mesh.run(args)
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)

    return stdout
  }

  /** What masters keep of printed text that begins like this; by the name of the master. */
  async function keepers (text: string): Promise<string[]> {
    const found: string[] = []

    for (const [name, dir] of [['boss', mesh.env.MESHMARK_DATA!], ['second', mesh.dataOf('second')]] as const) {
      for (const path of await paths(dir)) {
        if (/\/master\/\d+\/outputs\//.test(path) && (await readFile(path, 'utf8')).startsWith(text)) {
          found.push(name)
        }
      }
    }

    return found
  }

  async function outbox (): Promise<string[]> {
    return (await paths(mesh.env.MESHMARK_DATA!)).filter(path => path.includes('/outbox/'))
  }

  async function stateAt (master: string): Promise<string | undefined> {
    const rows: Array<{ name: string, state: string }> = JSON.parse(await ok(['nodes', '--format', 'json', '--master', await mesh.addressOf(master)]))

    return rows.find(({ name }) => name === 'lab-1')?.state
  }

  beforeAll(async () => {
    mesh = await TestMesh.create()
    boss = await mesh.master()
    worker = await mesh.worker('lab-1')
    second = await mesh.master('second')
  })

  afterAll(async () => { await mesh.close() })

  it('hears of a master that joins later, and is registered with both', async () => {
    await worker.line(/registered with boss as lab-1/)
    await worker.line(/registered with second as lab-1/)
    await eventually('both list it', async () => await stateAt('boss') === 'waiting' && await stateAt('second') === 'waiting')
  })

  it('delivers to both, and then keeps nothing', async () => {
    expect(await ok(['exec', 'sh', '-c', 'echo to-both'])).toBe('to-both\n')
    await eventually('both have it', async () => (await keepers('to-both')).length === 2)
    await eventually('the worker keeps nothing of it', async () => (await outbox()).length === 0)
  })

  it('is registered again as soon as a killed master is back, and brings what that one missed', async () => {
    await boss.stop('SIGKILL')
    await worker.line(/master boss: .*trying again/)
    expect(await ok(['exec', '--master', await mesh.addressOf('second'), 'sh', '-c', 'echo without-boss'])).toBe('without-boss\n')
    expect(await keepers('without-boss')).toEqual(['second'])
    expect(await outbox()).toHaveLength(1)

    boss = await mesh.master()
    await eventually('it is registered again', async () => times(/registered with boss as lab-1/) === 2)
    await eventually('boss has it, too', async () => (await keepers('without-boss')).length === 2)
    await eventually('the worker keeps nothing of it', async () => (await outbox()).length === 0)
    expect(times(/registered with second as lab-1/)).toBe(1)
  })

  it('keeps what a master has not confirmed through a death of its own', async () => {
    await second.stop('SIGKILL')
    expect(await ok(['exec', '--master', mesh.address, 'sh', '-c', 'echo kept'])).toBe('kept\n')
    await eventually('boss has all of it', async () => (await keepers('kept')).length === 1)
    await worker.stop('SIGKILL')
    worker = await mesh.worker('lab-1')
    expect(await outbox()).toHaveLength(1)

    second = await mesh.master('second')
    await worker.line(/registered with second as lab-1/)
    await eventually('second has it, too', async () => (await keepers('kept')).length === 2)
    await eventually('the worker keeps nothing of it', async () => (await outbox()).length === 0)
  })

  it('stays drained when a master that has not heard of it comes back', async () => {
    await boss.stop('SIGKILL')
    await ok(['drain', 'lab-1', '--master', await mesh.addressOf('second')])
    await eventually('it drains', async () => await stateAt('second') === 'draining')

    boss = await mesh.master()
    await eventually('boss knows', async () => await stateAt('boss') === 'draining')

    await second.stop('SIGKILL')
    await ok(['drain', 'lab-1', '--undo', '--master', mesh.address])
    await eventually('it works', async () => await stateAt('boss') === 'waiting')
    second = await mesh.master('second')
    await eventually('second knows', async () => await stateAt('second') === 'waiting')
    expect(await ok(['exec', 'sh', '-c', 'echo again'])).toBe('again\n')
  })

  it('finds back to both with a membership that is damaged or gone', async () => {
    const file = (await paths(mesh.env.MESHMARK_DATA!)).find(path => /\/worker\/0\/membership\.json$/.test(path))!

    for (const damage of [async () => writeFile(file, '{'), async () => rm(file)]) {
      await worker.stop()
      await damage()
      worker = await mesh.worker('lab-1')
      await worker.line(/the membership was taken from the journal/)
      await worker.line(/registered with boss as lab-1/)
      await worker.line(/registered with second as lab-1/)
    }
  })

  it('hears from one master where the other one has moved', async () => {
    const before = times(/registered with second as lab-1/)
    await second.stop()
    second = new NodeProcess(['--role', 'master', '--listen', '127.0.0.1:0', '--no-mdns', '--name', 'second', '--data', mesh.dataOf('second')], mesh.env)
    mesh.nodes.push(second)
    const { addresses } = await second.ready
    expect(addresses.join()).not.toContain((await mesh.addressOf('second')).split('/').at(-1))

    await eventually('it is registered again', async () => times(/registered with second as lab-1/) > before)
  })

  it('answers for what it could not begin because it cannot keep output, and takes the next one', async () => {
    const folder = join((await paths(mesh.env.MESHMARK_DATA!)).find(path => /\/worker\/0\/membership\.json$/.test(path))!, '../outbox')
    const { uid, gid } = await stat(folder)
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    const { code, stderr } = await mesh.run(['exec', '--master', mesh.address, 'true'])
    expect(stderr).toMatch(/the worker cannot keep what it prints/)
    expect(code).not.toBe(0)

    await rm(folder)
    await mkdir(folder, { mode: 0o700 })
    await chown(folder, uid, gid)
    expect(await ok(['exec', '--master', mesh.address, 'sh', '-c', 'echo mended'])).toBe('mended\n')
  })

  it('gives up in the end what a master never takes, and says so', async () => {
    await worker.stop()
    await second.stop('SIGKILL')
    worker = await mesh.worker('lab-1', ['--keep-results', '1s'])
    expect(await ok(['exec', '--master', mesh.address, 'sh', '-c', 'echo given-up'])).toBe('given-up\n')
    await worker.line(/gave up the result of job \S+ \(execution \S+\): kept for 1 s; 1 of 2 masters have it/)
    await eventually('the worker keeps nothing of it', async () => (await outbox()).length === 0)
    expect(await keepers('given-up')).toEqual(['boss'])
  })

  it('does not wait for a master that is put out of the mesh', async () => {
    await worker.stop()
    worker = await mesh.worker('lab-1')
    expect(await ok(['exec', '--master', mesh.address, 'sh', '-c', 'echo no-second'])).toBe('no-second\n')
    await eventually('boss has all of it', async () => (await keepers('no-second')).length === 1)
    expect(await outbox()).toHaveLength(1)

    await ok(['token', 'revoke', '--member', 'second', '--master', mesh.address])
    await worker.line(/master second is no master of this mesh any more/)
    await eventually('the worker keeps nothing of it', async () => (await outbox()).length === 0)
  })
})
