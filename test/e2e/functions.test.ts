import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distributeOver } from '../../src/functions/distribute.ts'
import { parseExecutionId } from '../../src/model/ids.ts'
import { connectClient } from '../../src/roles/client/connect.ts'
import { TestMesh } from './mesh.ts'
import { eventually, processesWith } from './processes.ts'
import type { Distributed, DistributeOptions } from '../../src/functions/types.ts'
import type { Client } from '../../src/roles/client/types.ts'
import type { NodeProcess } from './mesh.ts'

const PYTHON = join(import.meta.dirname, '../../clients/python')

/** Each costs the start of a Node. */
const MANY = 30

describe('functions', () => {
  let mesh: TestMesh
  let client: Client
  let url: string
  let second: NodeProcess

  beforeAll(async () => {
    mesh = await TestMesh.create()
    const { http } = await (await mesh.master(['--http=127.0.0.1:0'])).ready
    url = http ?? ''
    const workers = await Promise.all([mesh.worker('lab-1', ['--slots', '2']), mesh.worker('lab-2', ['--slots', '2'])])
    second = workers[1]
    // what a command line of this mesh would find
    Object.assign(process.env, { MESHMARK_DATA: mesh.env.MESHMARK_DATA, XDG_RUNTIME_DIR: mesh.env.XDG_RUNTIME_DIR })
    client = await connectClient({ mdns: false })
    await eventually('both workers are there', async () => (await client.nodes()).filter(({ role }) => role === 'worker').length === 2)
  })

  afterAll(async () => {
    await client?.close()
    await mesh.close()
  })

  function distribute<A extends unknown[], R> (fn: (...args: A) => R, options: DistributeOptions = {}): Distributed<A, R> {
    return distributeOver({ acquire: async () => ({ client, release: () => {} }) }, fn, options)
  }

  it('run on a worker and give back what they return, whatever it is', async () => {
    const square = distribute(async function square (x: number) { return x * x })
    const echo = distribute((...args: unknown[]) => args)
    const values = [undefined, -0, 2n ** 70n, new Map([['a', new Set([/b/g])]]), new Date(0), new Uint8Array(200_000).fill(7), new Error('e', { cause: { deep: [NaN] } })]

    expect(await Promise.all([square(2), square(-3), echo(...values)])).toEqual([4, 9, values])
    expect(square.name).toBe('square')
    // those that are called together are one job; of two jobs at once either may be the first
    expect((await client.jobs()).map(({ tasks }) => tasks).sort()).toEqual([1, 2])
  })

  it(`map ${MANY} inputs, each once, in order or as they end`, async () => {
    const label = distribute(async (x: number) => `n${x}`)
    const inputs = Array.from({ length: MANY }, (_, i) => i)
    const results: string[] = []

    for await (const result of label.map(inputs, { concurrency: 20 })) {
      results.push(result)
    }

    expect(results).toEqual(inputs.map(x => `n${x}`))

    const failing = distribute((x: number) => { if (x === 1) { throw new Error('one') } return x })
    const ends = []

    for await (const end of failing.settle([0, 1, 2], { ordered: false })) {
      ends.push(end)
    }

    expect(ends.sort((a, b) => a.index - b.index)).toMatchObject([{ status: 'fulfilled', value: 0 }, { status: 'rejected', reason: { message: 'one' } }, { status: 'fulfilled', value: 2 }])
  })

  it('that throw do so here, with the stack of there', async () => {
    const broken = distribute(function broken (what: string) {
      console.log('before it fails')
      throw Object.assign(new RangeError(`no ${what}`, { cause: new Error('deeper') }), { code: 'E_NO' })
    })
    const error = await broken('luck').catch(err => err)

    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ message: 'no luck', code: 'E_NO', cause: { message: 'deeper' }, remote: { worker: expect.stringMatching(/^lab-\d$/) } })
    expect(error.stack).toMatch(/^RangeError: no luck\n.* at broken \(file:.*meshmark-function\.mjs:4:\d+\)\n(.*\n)*.* at lab-\d \(worker\)\n(.*\n)*.*functions\.test\.ts/)
    expect(error.stack).not.toContain('meshmark-host')
    // eslint-disable-next-line prefer-promise-reject-errors
    expect(await distribute(async () => await Promise.reject({ plain: 1 }))().catch(err => err)).toEqual({ plain: 1 })
  })

  it('that fail run again when they may', async () => {
    const flaky = distribute(() => { throw new Error('again') }, { retry: { when: 'on-failure', max: 1, backoffMs: 1, maxBackoffMs: 1 } })

    await expect(flaky()).rejects.toThrow('again')

    const { events } = await client.show((await client.jobs(1))[0]!.id, 'all')
    expect(events.flatMap(event => event.kind === 'items' ? event.items.map(({ execution }) => parseExecutionId(execution!).attempt) : [])).toEqual([1])
  })

  it('whose worker is killed run again when they may, and say which worker it was when they may not', async () => {
    async function waits (seconds: string): Promise<number | null> {
      const { spawnSync } = await import('node:child_process')

      return spawnSync('sleep', [seconds]).status
    }

    const once = distribute(waits, { where: 'name=lab-2' })
    const again = distribute(waits, { retry: { when: 'on-failure', max: 2, backoffMs: 10, maxBackoffMs: 10 } })
    const error = once('60.7654').catch(error => error)

    await eventually('lab-2 has the one that may not', async () => (await processesWith('60.7654')).length > 0)

    // one place is left there, and two elsewhere
    const calls = Promise.all([again('4.7654'), again('4.7654'), again('4.7654')])

    await eventually('every place is taken', async () => (await processesWith('4.7654')).length >= 3)
    await second.stop('SIGKILL')
    second = await mesh.worker('lab-2', ['--slots', '2'])

    expect(await error).toMatchObject({ name: 'MeshmarkError', state: 'interrupted', worker: 'lab-2', message: expect.stringContaining('lab-2') })
    expect(await calls).toEqual([0, 0, 0])
    expect(await processesWith('60.7654')).toEqual([])

    const job = (await client.jobs(2)).find(({ tasks }) => tasks === 3)!
    const { events } = await client.show(job.id, 'all')
    expect(events.flatMap(event => event.kind === 'items' ? event.items.map(({ execution }) => parseExecutionId(execution!).attempt) : []).sort()).toEqual([0, 0, 1])
  })

  it('that never return are stopped at the limit that is named', async () => {
    const forever = distribute(() => { for (;;); }, { timeout: '700ms' })
    const hog = distribute(() => { const all = []; for (;;) { all.push(Buffer.alloc(1 << 20, 1)) } }, { memory: '128M' })

    expect(await Promise.all([forever().catch(err => err), hog().catch(err => err)])).toMatchObject([
      { name: 'MeshmarkError', state: 'limit', limit: 'wall', message: expect.stringContaining('wall limit of 700 ms') },
      { state: 'limit', limit: 'memory', message: expect.stringContaining('memory limit of 128 MB') }
    ])
  })

  it('that return more than is allowed are refused with the bound, and those within it are not', async () => {
    const zeros = distribute(function zeros (bytes: number) { return new Uint8Array(bytes) })

    expect((await zeros(3_000_000)).byteLength).toBe(3_000_000)
    await expect(zeros(100_000_000)).rejects.toThrow(/the result of zeros has 127 MB encoded, and 64(\.0)? MB are allowed/)
    await expect(zeros.with({ resultLimit: '1K' })(1_000)).rejects.toThrow('and 1.0 KB are allowed')
  })

  it('see nothing of the host, and have no network', async () => {
    const spy = distribute(async (paths: string[]) => {
      const { readFile, readdir } = await import('node:fs/promises')
      const { connect } = await import('node:net')
      const read = await Promise.all(paths.map(path => readFile(path, 'utf8').catch(async err => err.code === 'EISDIR' ? (await readdir(path)).join() : err.code)))
      const network = await new Promise(resolve => connect(53, '1.1.1.1').once('error', (err: NodeJS.ErrnoException) => { resolve(err.code) }).once('connect', () => { resolve('connected') }))

      return [...read, network]
    })
    const [shadow, secret, network] = await spy(['/etc/shadow', join(mesh.dir, 'data')])

    expect(shadow).toMatch(/^(ENOENT|EACCES|EPERM)$/)
    expect(secret).toMatch(/^(ENOENT|EACCES|EPERM)$/)
    expect(network).not.toBe('connected')
  })

  it('bring modules and files along, and what they print is theirs', async () => {
    await writeFile(join(mesh.dir, 'work', 'stats.js'), "import { scale } from './scale.mjs'\nexport const sum = list => scale(list.reduce((a, b) => a + b, 0))\n")

    const printed: string[] = []
    const total = distribute(async (file: string) => {
      const { sum } = await import('./lib/stats.js' as string)
      const { readFile } = await import('node:fs/promises')

      console.log('to stdout')
      process.stderr.write('to stderr\n')

      return sum((await readFile(file, 'utf8')).split(',').map(Number))
    }, {
      modules: { './lib/stats.js': join(mesh.dir, 'work', 'stats.js'), './lib/scale.mjs': Buffer.from('export const scale = x => x * 10\n') },
      files: { 'table.csv': Buffer.from('1,2,3') },
      onOutput: text => { printed.push(text) }
    })

    expect(await total('table.csv')).toBe(60)
    expect(printed.join('')).toBe('to stdout\nto stderr\n')
  })

  it('that end their process say how, with what they printed last', async () => {
    const quits = distribute(function quits (code: number) { process.stdout.write('good bye\n'); process.exit(code) })

    await expect(quits(3)).rejects.toThrow(/quits on lab-\d ended its process with exit code 3 before it returned; it printed last: good bye/)
    await expect(quits(0)).rejects.toThrow('ended its process before it returned')
  })

  it('that need something from outside of themselves are refused before anything is sent', async () => {
    const before = (await client.jobs(1_000)).length

    expect(() => distribute((x: number) => x * MANY)).toThrow('uses MANY from outside of itself')
    await expect(distribute((f: unknown) => f)(() => {})).rejects.toThrow('an argument of the function cannot be sent: [0] is a function')
    expect(await client.jobs(1_000)).toHaveLength(before)
  })

  it('are really cancelled by a signal, and by leaving a map early', async () => {
    const stop = new AbortController()
    const sleepy = distribute(async (seconds: string) => {
      const { spawnSync } = await import('node:child_process')

      spawnSync('sleep', [seconds])
    })
    const call = sleepy.with({ signal: stop.signal })('4322.75').catch(err => err)

    await eventually('it runs', async () => (await processesWith('4322.75')).length > 0)
    stop.abort()
    expect(await call).toMatchObject({ name: 'AbortError' })
    await eventually('it is gone', async () => (await processesWith('4322.75')).length === 0)
    await expect(sleepy.with({ signal: stop.signal })('1')).rejects.toMatchObject({ name: 'AbortError' })

    const ends = sleepy.settle(['0', '4322.75', '4322.75'], { ordered: false })

    expect(await ends.next()).toMatchObject({ value: { index: 0, status: 'fulfilled' } })
    await ends.return()

    await eventually('they are gone', async () => (await processesWith('4322.75')).length === 0 && (await client.jobs(1))[0]?.state === 'cancelled')
  })

  it('of a program without a connection make one, and let the program end', async () => {
    await writeFile(join(mesh.dir, 'work', 'program.mjs'), `import { distribute } from ${JSON.stringify(join(import.meta.dirname, '../../dist/index.js'))}
const square = distribute(async x => x * x)
console.log(await square(12))
`)

    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(mesh.dir, 'work', 'program.mjs')], { env: mesh.env })

    expect({ stdout, stderr }).toEqual({ stdout: '144\n', stderr: '' })
  })

  async function pythonEnv (): Promise<NodeJS.ProcessEnv> {
    const token = (await mesh.run(['token', 'create', 'client', '--http', '--master', mesh.address])).stdout.match(/mmh1-\S+/)?.[0]

    return { PATH: process.env.PATH, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: PYTHON, MESHMARK_URL: url, MESHMARK_TOKEN: token }
  }

  it('of Python pass the tests of their client, with a real Python and a real mesh', async () => {
    const { stderr } = await promisify(execFile)('python3', ['-m', 'unittest', 'discover', '-s', 'tests', '-v'], { cwd: PYTHON, env: await pythonEnv() })
      .catch(err => ({ stderr: String(err.stderr) }))

    expect(stderr).toMatch(/^OK$/m)
    expect(stderr).not.toContain('skipped')
  })

  it('of Python do what the README of their client says, word for word', async () => {
    const blocks = [...(await readFile(join(PYTHON, 'README.md'), 'utf8')).matchAll(/^```python\n(.*?)^```\n\nwhich prints\n\n```\n(.*?)^```$/gms)]
    const program = join(mesh.dir, 'work', 'readme.py')

    // the text of a function is read from its file
    await writeFile(program, blocks.map(([, code]) => code).join('\n'))

    const { stdout, stderr } = await promisify(execFile)('python3', [program], { env: await pythonEnv() })

    expect(blocks.length).toBeGreaterThan(1)
    expect(stderr).toBe('')
    expect(stdout).toBe(blocks.map(([,, printed]) => printed).join(''))
  })
})
