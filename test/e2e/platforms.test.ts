import { randomBytes } from 'node:crypto'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { echo } from '../sandbox/wasm-modules.ts'
import { TestMesh } from './mesh.ts'
import type { CommandResult } from './mesh.ts'

/** Of files that jobs have sent, for each worker. */
async function storedBytes ({ dir }: TestMesh): Promise<number[]> {
  const [meshId] = await readdir(join(dir, 'data'))
  const workers = join(dir, 'data', meshId!, 'worker')

  return Promise.all((await readdir(workers)).filter(name => /^\d+$/.test(name)).sort().map(async instance => {
    const files = (await readdir(join(workers, instance, 'payloads'), { recursive: true, withFileTypes: true })).filter(entry => entry.isFile() && entry.name !== 'manifest')
    const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))

    return sizes.reduce((sum, size) => sum + size, 0)
  }))
}

/** Programs for machines of different kinds, on two workers with different labels. */
describe('different machines', () => {
  let mesh: TestMesh
  let cwd: string

  const run = async (...args: string[]): Promise<CommandResult> => mesh.run(args, { cwd })
  const measured = async (...args: string[]): Promise<{ results: any[], failures: any[] }> => JSON.parse((await run('run', '--format', 'json', '--runs', '1', ...args)).stdout)

  beforeAll(async () => {
    mesh = await TestMesh.create()
    cwd = join(mesh.dir, 'work')
    await mesh.master()
    await Promise.all([mesh.worker('one', ['--label', 'kind=red']), mesh.worker('two', ['--label', 'kind=blue'])])

    await writeFile(join(cwd, 'app.c'), '#include <stdio.h>\n#include "text.h"\nint main (void) { puts(TEXT); return 0; }\n')
    await mkdir(join(cwd, 'include'))
    await writeFile(join(cwd, 'include/text.h'), '#define TEXT "built"\n')
    await writeFile(join(cwd, 'bad.c'), 'int main (void) { return 0\n')
    await writeFile(join(cwd, 'red.sh'), '#!/bin/sh\necho I am red "$@"\n')
    await writeFile(join(cwd, 'blue.sh'), '#!/bin/sh\necho I am blue "$@"\n')
    await writeFile(join(cwd, 'echo.wasm'), await echo())
  })
  afterAll(async () => mesh.close())

  const BUILD = ['--build', 'cc -Iinclude -o app app.c && test ! -e secret', '--with', 'include/text.h=include/text.h', './app']

  it('build before the clock, each for itself, and not again what was built before', async () => {
    const first = await measured(...BUILD)
    const second = await measured(...BUILD)

    expect(first.failures).toEqual([])
    expect(first.results.map(({ build }) => build.cached)).toEqual([false, false])
    expect(first.results[0].build.compiler).toMatch(/^cc .*\d+\.\d+/)
    expect(second.results.map(({ build }) => build)).toEqual(first.results.map(({ build }) => ({ ...build, cached: true })))
    // another file, another build
    await writeFile(join(cwd, 'include/text.h'), '#define TEXT "built anew"\n')
    expect((await run('exec', ...BUILD)).stdout).toBe('built anew\n')
  })

  it('build with the data sets of the job, which they cannot change, and again when these are others', async () => {
    const header = async (text: string): Promise<void> => writeFile(join(cwd, 'lib/text.h'), `#define TEXT "${text}"\n`)
    const build = async (): Promise<string> => (await run('exec', '--where', 'label.kind=red', '--data', 'lib=lib', '--build', '! touch data/lib/x 2>/dev/null; cc -I"$MESHMARK_DATA/lib" -o app app.c', './app')).stdout

    await mkdir(join(cwd, 'lib'))
    await header('from a data set')
    expect(await build()).toBe('from a data set\n')
    await header('from another one')
    expect(await build()).toBe('from another one\n')
    await header('from a data set')
    expect(await build()).toBe('from a data set\n')
    expect((await run('show', '@last', '--format', 'json')).stdout).toMatch(/"cached": ?true/)
  })

  it('say why a build failed, with all that it printed', async () => {
    const { results, failures } = await measured('--name', 'bad', '--build', 'cc -o bad bad.c', './bad')

    expect(results).toEqual([])
    expect(failures.map(({ state, reason }) => [state, reason.includes('the build failed: exit code 1: bad.c:1:')])).toEqual([['not-run', true], ['not-run', true]])
    expect((await run('logs', 'bad')).stderr).toContain('return 0')
    expect((await measured('--build', 'sleep 60', '--build-timeout', '200ms', 'true')).failures[0].reason).toContain('the build failed: wall limit of 200 ms')
  })

  it('let a build reach neither the network, nor the host, nor what others have built', async () => {
    const tries = [
      'python3 -c "import socket; socket.create_connection((\'127.0.0.1\', 80))" && echo network >> got',
      `cat ${mesh.dir}/data/*/worker/*/identity.key && echo host >> got`,
      'find / -name app -newer /etc/passwd -not -path "/proc/*" -not -path "/usr/*" 2>/dev/null | grep -q . && echo builds >> got',
      'ls -d /box/template/* && echo template >> got',
      'ln -s /etc/passwd link; touch got; (sleep 30 & ) ; true'
    ]
    const { code, stdout } = await run('exec', '--build', tries.join('; '), '--shell', 'cat got; ls -a; ls /tmp')

    expect(code).toBe(0)
    // nothing was got, and a link is not brought into another box
    expect(stdout.split('\n').filter(line => line !== '' && line !== '.' && line !== '..')).toEqual(['got'])
  })

  it('run a WebAssembly module as any program', async () => {
    const { code, stdout, stderr } = await run('exec', './echo.wasm', 'one', 'two')

    expect([code, stdout, stderr]).toEqual([7, './echo.wasm\0one\0two\0', ''])
  })

  it('give each worker its own file, and those that none fits a row that says so', async () => {
    const both = await run('run', '--runs', '1', '--export-full', 'full.json', '--variant', 'label.kind=red:red.sh', '--variant', `arch=${arch()}:blue.sh`, './colour')
    const one = await measured('--variant', 'label.kind=blue:blue.sh', './colour')

    expect(both.code).toBe(0)
    expect((await run('logs', '@last', '--worker', 'two')).stdout).toContain('I am blue')
    expect(one.results.map(({ worker }) => worker.name)).toEqual(['two'])
    expect(one.failures).toMatchObject([{ worker: { name: 'one' }, reason: expect.stringContaining('no --variant is for it: label.kind is red, not blue') as string }])
    expect((await run('exec', '--variant', 'label.kind=red:red.sh', './colour', 'x')).stdout).toBe('I am red x\n')
  })

  it('are sent their own file and no other, and what all need once each', async () => {
    const MIB = 1024 ** 2
    const big = async (name: string, mib: number): Promise<void> => writeFile(join(cwd, name), `#!/bin/sh\necho ${name} "$(cat all)"\nexit 0\n${randomBytes(mib * MIB / 2).toString('hex')}`)
    const before = await storedBytes(mesh)

    await Promise.all([big('red-big.sh', 1), big('blue-big.sh', 3), writeFile(join(cwd, 'all'), randomBytes(MIB / 2).toString('hex'))])

    const { code } = await run('exec', '--on', 'all', '--name', 'big', '--variant', 'label.kind=red:red-big.sh', '--variant', 'label.kind=blue:blue-big.sh', '--with', 'all', './colour')
    const after = await storedBytes(mesh)
    const gained = after.map((bytes, at) => Math.round((bytes - before[at]!) / MIB * 10) / 10)

    expect(code).toBe(0)
    expect((await run('logs', 'big')).stdout).toMatch(/^(red|blue)-big\.sh [0-9a-f]+\n?/m)
    expect(gained.sort()).toEqual([2, 4])
    // another job with the same file under another name, for one that has it
    expect((await run('exec', '--where', 'label.kind=red', '--variant', 'platform=linux:red-big.sh', '--with', 'all', './hue')).stdout).toContain('red-big.sh')
    expect(await storedBytes(mesh)).toEqual(after)
  })

  it('are chosen by the versions of what is installed there', async () => {
    const toolsOf = async (): Promise<Array<Array<{ name: string, version: string }> | null>> => JSON.parse((await run('nodes', '--format', 'json')).stdout).filter(({ role }: { role: string }) => role === 'worker').map(({ tools }: { tools: [] }) => tools)
    let tools = await toolsOf()

    // they are found out in the background
    for (; tools.includes(null); tools = await toolsOf()) {
      await delay(100)
    }

    expect(tools[0]).toContainEqual({ name: 'node', version: process.versions.node })
    expect((await run('exec', '--where', 'node=20..', 'echo', 'yes')).stdout).toBe('yes\n')
    expect(await run('exec', '--where', 'node=..1.5', 'echo', 'yes')).toMatchObject({ code: 125, stderr: expect.stringContaining(`one: node is ${process.versions.node}, not ..1.5`) as string })
  })
})
