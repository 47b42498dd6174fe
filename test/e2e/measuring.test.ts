import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

const isRoot = process.getuid?.() === 0

/** Nobody here has to be quiet. */
const NOW = ['--quiet-wait', '0']

describe('measuring, as users ask for it', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('open', isRoot ? ['--allow-cold-cache'] : [])
    await mesh.worker('closed')
  })

  afterAll(async () => { await mesh.close() })

  async function script (name: string, text: string): Promise<void> {
    const path = join(mesh.dir, 'work', name)

    await writeFile(path, text)
    await chmod(path, 0o755)
  }

  async function results (args: string[]): Promise<{ code: number | null, results: any[], stderr: string }> {
    const { code, stdout, stderr } = await mesh.run(['run', ...NOW, '--format', 'json', ...args])

    return { code, results: stdout === '' ? [] : JSON.parse(stdout).results, stderr }
  }

  it('has commands around each run, with the values of parameters', async () => {
    const { code, results: [one, two], stderr } = await results([
      '--on', 'open', '-r', '3', '-L', 'n', '1,2', '--setup', 'echo {n} > made', '--prepare', 'cp made ready', '--conclude', 'test -f seen', '--cleanup', 'test ! -e seen',
      'sh', '-c', 'test "$(cat ready)" = {n} && touch seen && echo {n}'
    ])

    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect([one.parameters, two.parameters]).toEqual([{ n: '1' }, { n: '2' }])
    expect(one.stdout_sha256).not.toBe(two.stdout_sha256)
    expect([one.times.length, two.times.length]).toEqual([3, 3])
  })

  it('says which command around a run failed', async () => {
    const { code, stdout } = await mesh.run(['run', ...NOW, '--on', 'open', '-r', '2', '--prepare', 'exit 4', 'true'])

    expect(code).toBe(1)
    expect(stdout).toContain("its prepare command: exit code 4, for run 1; append ' || true' to it if that may be")
  })

  it('measures programs that fail, when that is what is wanted', async () => {
    await script('three.sh', '#!/bin/sh\nexit 3\n')

    expect(await results(['--on', 'open', '-r', '2', './three.sh'])).toMatchObject({ code: 1, results: [] })
    expect(await results(['--on', 'open', '-r', '2', '-i', './three.sh'])).toMatchObject({ code: 0, results: [{ exit_codes: [3, 3] }] })
    expect(await results(['--on', 'open', '-r', '2', '--ignore-failure=3', './three.sh'])).toMatchObject({ code: 0 })
    expect(await results(['--on', 'open', '-r', '2', '--ignore-failure=4', './three.sh'])).toMatchObject({ code: 1 })
  })

  it.runIf(isRoot)('empties the cache of files where that is allowed, and nowhere else', async () => {
    const { code, stdout } = await mesh.run(['run', ...NOW, '-r', '2', '--cold-cache', '--format', 'json', 'true'])
    const { results, failures } = JSON.parse(stdout)

    expect(code).toBe(1)
    expect(results).toMatchObject([{ worker: { name: 'open' } }])
    expect(failures).toMatchObject([{ worker: { name: 'closed' }, reason: expect.stringContaining('--allow-cold-cache') }])
  })

  it('writes one file for each worker, as hyperfine would have', async () => {
    const folder = join(mesh.dir, 'work')

    expect((await mesh.run(['run', ...NOW, '-r', '3', '--export-json', join(folder, 'on-{worker}.json'), 'true'])).code).toBe(0)
    expect((await readdir(folder)).filter(name => name.startsWith('on-')).sort()).toEqual(['on-closed.json', 'on-open.json'])

    const { results } = JSON.parse(await readFile(join(folder, 'on-open.json'), 'utf8'))

    expect(results).toHaveLength(1)
    expect(results[0].command).toBe('true')
    expect(results[0]).not.toHaveProperty('parameters')
  })

  it('keeps everything in one file, when it is asked to', async () => {
    const file = join(mesh.dir, 'full.json')

    expect((await mesh.run(['run', ...NOW, '--on', 'open', '-r', '3', '--counters', '--export-full', file, 'true'])).code).toBe(0)

    const { format, version, job, workers: [worker] } = JSON.parse(await readFile(file, 'utf8'))

    expect([format, version, job.plan]).toEqual(['meshmark-results', 1, { kind: 'fixed', runs: 3, warmup: 0 }])
    expect(worker.result.commands[0].samples).toHaveLength(3)
    expect(worker.result.commands[0].samples[0]).toMatchObject({ run: 0, wallNs: expect.any(Number), cpuNs: expect.any(Number), exit: { kind: 'code', code: 0 } })
  })
})
