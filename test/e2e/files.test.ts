import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { CountingProxy } from './proxy.ts'
import type { CommandResult, NodeProcess } from './mesh.ts'

describe('files', () => {
  let mesh: TestMesh
  let boss: NodeProcess

  beforeAll(async () => {
    mesh = await TestMesh.create()
    boss = await mesh.master()
    await mesh.master('second')
    await Promise.all(['w1', 'w2'].map(async name => mesh.worker(name)))
  })

  afterAll(async () => mesh.close())

  /** Below the folder in which the client runs. */
  function at (...names: string[]): string {
    return join(mesh.dir, 'work', ...names)
  }

  async function tree (folder: string): Promise<Record<string, string>> {
    const entries = await readdir(at(folder), { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name))

    return Object.fromEntries(await Promise.all(files.sort().map(async file => [file.slice(at(folder).length + 1), await readFile(file, 'utf8')] as const)))
  }

  async function run (...args: string[]): Promise<CommandResult> {
    return mesh.run(args)
  }

  it('come back from every worker into a folder of its own', async () => {
    const { code, stderr } = await run('run', '--runs', '2', '--collect', 'out/*', '--collect-to', 'all', 'sh', '-c', 'mkdir out; echo one > out/one; echo two > out/two; chmod +x out/two; echo no > no; ln -s /etc/passwd out/link')

    expect(code, stderr).toBe(0)
    expect(await tree('all')).toEqual({ 'w1/out/one': 'one\n', 'w1/out/two': 'two\n', 'w2/out/one': 'one\n', 'w2/out/two': 'two\n' })
    expect((await stat(at('all/w1/out/two'))).mode & 0o111).not.toBe(0)
    expect((await stat(at('all/w1/out/one'))).mode & 0o111).toBe(0)
    expect(stderr).toContain('4 files (16 B) of 2 workers in all')
    expect(stderr).toContain('not from w1: out/link: a link')
  })

  it('of a program that failed come back too, and nothing is written over', async () => {
    const failed = await run('exec', '--collect', 'log', '--collect-to', 'once', 'sh', '-c', 'echo why > log; exit 3')

    expect(failed.code, failed.stderr).toBe(3)

    const [worker = ''] = await readdir(at('once'))

    expect(await tree('once')).toEqual({ [`${worker}/log`]: 'why\n' })

    await writeFile(at('once', worker, 'log'), 'mine\n')

    const refused = await run('collect', '@last', 'once')

    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/^meshmark: once\/w\d\/log is there already: .*--force\n$/)
    expect(await tree('once')).toEqual({ [`${worker}/log`]: 'mine\n' })

    // not through a link either, whoever made it
    await rm(at('once', worker), { recursive: true })
    await mkdir(at('elsewhere'))
    await symlink(at('elsewhere'), at('once', worker))
    expect((await run('collect', '@last', 'once', '--force')).stderr).toContain('is there and is no folder')
    expect([await readdir(at('elsewhere')), await readlink(at('once', worker))]).toEqual([[], at('elsewhere')])
  })

  it('of items have a folder for each, and those that are too large are named', async () => {
    const { code, stderr } = await run('exec', '--collect', '*.txt', '--collect-max', '1K', '--collect-to', 'items', 'sh', '-c', 'echo $1 > $1.txt; truncate -s 2K big.txt', 'sh', ':::', 'a', 'b', 'c')

    expect(code, stderr).toBe(0)

    const found = await tree('items')

    expect(Object.entries(found).map(([path, text]) => [path.replace(/^w\d\//, ''), text]).sort()).toEqual([['1/a.txt', 'a\n'], ['2/b.txt', 'b\n'], ['3/c.txt', 'c\n']])
    expect(stderr).toMatch(/not from w\d\/1: big\.txt: 2\.0 KB, and 1\.0 KB are left/)
  })

  it('are there when the coordinator was killed before anybody asked for them', async () => {
    const bytes = 3 * 1024 * 1024
    const { stdout, code } = await run('exec', '--detach', '--collect', 'big', 'sh', '-c', `head -c ${bytes} /dev/zero > big; echo end >> big`)

    expect(code).toBe(0)

    const job = stdout.trim()

    await run('attach', job)
    boss.kill('SIGKILL')
    await boss.ended

    const { code: collected, stderr } = await run('collect', '--master', await mesh.addressOf('second'), job, 'later')

    expect(collected, stderr).toBe(0)

    const [worker = ''] = await readdir(at('later'))
    const content = await readFile(at('later', worker, 'big'))

    expect([content.byteLength, content.subarray(-4).toString()]).toEqual([bytes + 4, 'end\n'])

    // the workers have forgotten them: every master that there is has them
    boss = await mesh.master()
    expect((await run('collect', job, 'again')).code).toBe(0)
  })

  it('of a data set are sent once, read-only for programs, and seen by all of them', async () => {
    const proxy = await CountingProxy.start(mesh.port)

    try {
      const token = /join (\S+)@/.exec((await run('token', 'create', 'client')).stdout)?.[1] ?? ''
      const bytes = 4 * 1024 * 1024

      await mkdir(at('set', 'inner'), { recursive: true })
      await writeFile(at('big'), randomBytes(bytes))
      await writeFile(at('set', 'inner', 'a'), 'inside\n')

      const job = (on: string): string[] => ['run', '--master', proxy.address, '--token', token, '--no-mdns', '--on', on, '--runs', '2', '--collect', 'said', '--collect-to', `seen-${on}`, '--data', 'one=big', '--data', 'many=set',
        'sh', '-c', 'wc -c < data/one > said; cat data/many/inner/a >> said; cat $MESHMARK_DATA/many/inner/a >> said; (echo x > data/many/new) 2>> /dev/null || echo refused >> said; (echo x >> data/one) 2>> /dev/null || echo refused >> said']
      const said = `${bytes}\ninside\ninside\nrefused\nrefused\n`
      const first = await run(...job('w1'))

      expect(first.code, first.stderr).toBe(0)
      expect(await tree('seen-w1')).toEqual({ 'w1/said': said })
      expect(proxy.up).toBeGreaterThan(bytes)
      expect(first.stderr).not.toContain('there already')

      proxy.reset()

      const second = await run(...job('all'))

      expect(second.code, second.stderr).toBe(0)
      expect(await tree('seen-all')).toEqual({ 'w1/said': said, 'w2/said': said })
      expect(proxy.up).toBeLessThan(bytes / 8)
      expect(second.stderr).toContain('data sets one, many were there already: nothing of them was sent')
    } finally {
      await proxy.stop()
    }
  })
})
