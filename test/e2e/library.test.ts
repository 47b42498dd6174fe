import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')

/** Uses what a program would; compiled and run against the package as it would be published. */
const CONSUMER = `
import { connect, distribute, isMeshmarkError, type JobEvent, type JobSpec, type MapContent, type MapResult, MeshmarkError, type Results } from 'meshmark'

const spec: JobSpec = { kind: 'exec', command: ['echo', 'typed'], timeout: '10s', memory: 64 * 1024 * 1024 }
// @ts-expect-error a misspelt option
const wrong: JobSpec = { kind: 'exec', command: 'x', timeOut: '10s' }
const twice = distribute(async (x: number) => x * 2)

await using mesh = await connect({ mdns: false })
const job = await mesh.submit(spec)
const kinds: Array<JobEvent['kind']> = []

for await (const event of job.events()) {
  kinds.push(event.kind)

  if (event.kind === 'output') {
    const data: Uint8Array = event.data
    console.log(Buffer.from(data).toString().trim())
  }
}

const results: Results = await job.results()
const median: number | undefined = results.workers[0]?.result?.commands[0]?.statistics?.median
const four: number = await twice(2)

console.log(kinds[0], kinds.at(-1), typeof median, four)
const mapped: MapResult = await mesh.map({ 'report-every': '5s', lists: [{ on: 'lab-1', commands: ['true'] }] } satisfies MapContent)
console.log(mapped.workers[0]?.commands[0]?.state)
await mesh.submit(wrong).catch((err: unknown) => { console.log(isMeshmarkError(err), err instanceof MeshmarkError && err.code) })
`

describe('the library', () => {
  let mesh: TestMesh
  let folder: string

  beforeAll(async () => {
    mesh = await TestMesh.create()
    folder = join(mesh.dir, 'consumer')
    await mkdir(folder)

    const [{ stdout }] = await Promise.all([
      run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: ROOT }),
      mesh.master().then(async () => mesh.worker('lab-1', ['--slots', '2']))
    ])
    const installed = join(folder, 'node_modules', 'meshmark')

    await mkdir(installed, { recursive: true })
    await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', installed, '--strip-components=1'])
    // what npm would have fetched
    await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'))
    await symlink(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'))
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }))
  })

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await mesh.close()
  })

  async function runFile (name: string): Promise<string> {
    const { stdout } = await run(process.execPath, [name], { cwd: folder, env: mesh.env })

    return stdout
  }

  it('is typed and runs as it would be published', async () => {
    await writeFile(join(folder, 'consumer.ts'), CONSUMER)
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--module', 'node16', '--moduleResolution', 'node16', '--target', 'es2022', '--lib', 'es2023,esnext.disposable,dom', '--types', 'node', '--strict', '--skipLibCheck', 'consumer.ts'], { cwd: folder })
      .catch(err => { throw new Error(err.stdout) })

    expect(await runFile('consumer.js')).toBe('typed\njob end number 4\ndone\ntrue usage\n')
  })

  it('gives nothing away but what its entry names', async () => {
    await writeFile(join(folder, 'private.js'), "import('meshmark/dist/roles/client/connect.js').catch(err => { console.log(err.code) })\nconsole.log(Object.keys(await import('meshmark')).sort().join(' '))\n")

    const [names, code] = (await runFile('private.js')).trim().split('\n').sort().reverse()

    expect([names, code].sort()).toEqual(['CallError Mesh MeshJob MeshmarkError Profile Results connect distribute isMeshmarkError', 'ERR_PACKAGE_PATH_NOT_EXPORTED'].sort())
  })

  it('does what the examples of its page say', async () => {
    const page = await readFile(join(ROOT, 'docs/library.md'), 'utf8')
    const [using, first, ...rest] = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)

    // as a compiler for Node 20 would have it
    await writeFile(join(folder, 'using.js'), `${using!.replace('await using mesh', 'const mesh')}\nawait mesh.close()\n`)
    await writeFile(join(folder, 'first.js'), first!)
    await writeFile(join(folder, 'rest.js'), [
      "import { connect, isMeshmarkError } from 'meshmark'",
      'const mesh = await connect()',
      ...rest.map(text => `{\n${text.replace(/^import .*$/m, '')}}`),
      'await mesh.close()'
    ].join('\n'))

    expect(await runFile('using.js')).toMatch(/^sleep 0\.01 · 1 of 1 worker/)
    expect(await runFile('first.js')).toBe('0 hello\n\n')

    const said = await runFile('rest.js')

    expect(said).toContain('hello, world')
    expect(said).toMatch(/^lab-1 done sleep 0\.02 \d+(\.5)? ns$/m)
    expect(said).toMatch(/^2 0 4\n3 0 9\n4 0 16$/m)
    expect(said).toMatch(/^stdout later/m)
    expect(said).toMatch(/^finished$/m)
    expect(said).toMatch(/^sleep 0\.02 against sleep 0\.01 on lab-1: [\d.]+ (slower|undecided)$/m)
    expect(said).toMatch(/^lab-1 1 sh \.\/prepare\.sh done 0 0 prepared\n\nlab-1 2 solve failed 3 1 \n1$/m)
    expect(said).toMatch(/^lab-1 lab-1\/1\.1\/out\/lines\.txt 2 2\n\n\[\]$/m)
    expect(await readFile(join(folder, 'night-files/lab-1/1.1/out/lines.txt'), 'utf8')).toBe('2\n')
    expect(said).toMatch(/^lab-1 0\.\d+ \d+\nat,kind,worker,/m)
    expect(said).toMatch(/^TimeoutError$/m)
    expect(said).toMatch(/^true not-found$/m)
  })
})
