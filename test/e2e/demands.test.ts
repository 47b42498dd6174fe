import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import type { SandboxFacts } from '../../src/model/machine.ts'

describe('a worker that allows anything and one with ceilings', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.worker('large')
    await mesh.worker('small', ['--max-memory', '1G', '--max-wall', '10m', '--max-processes', '100', '--max-open-files', '200'])
  })

  afterAll(async () => { await mesh.close() })

  it('run what asks for nothing, each under its own limits, which stand in the results', async () => {
    const { code, stdout } = await mesh.run(['run', '--runs', '1', '--cpu-time', '5s', '--format', 'json', 'sh', '-c', 'ulimit -n'])
    const { results } = JSON.parse(stdout)
    const allowed = Object.fromEntries(results.map((result: any) => [result.worker.name, result.allowed]))

    expect(code).toBe(0)
    expect(allowed.large).toMatchObject({ cpuMs: 5_000, wallMs: 3_600_000, memoryBytes: 4 * 2 ** 30, processes: 512, openFiles: 1024 })
    expect(allowed.small).toMatchObject({ cpuMs: 5_000, wallMs: 600_000, memoryBytes: 2 ** 30, processes: 100, openFiles: 200 })

    const outputs = await Promise.all(['large', 'small'].map(async name => (await mesh.run(['exec', '--on', name, 'sh', '-c', 'ulimit -n'])).stdout.trim()))
    expect(outputs).toEqual(['1024', '200'])
  })

  it('have a row each for what one of them must not run, which says why', async () => {
    const { code, stdout } = await mesh.run(['run', '--runs', '1', '--memory', '2G', 'true'])

    expect(code).toBe(1)
    expect(stdout).toMatch(/1 of 2 workers/)
    expect(stdout).toMatch(/^small .*not run: 2\.0 GB of memory is asked for and it allows 1\.0 GB$/m)
  })

  it('leave it to the other one when it is handed out', async () => {
    const attempts = await Promise.all([1, 2, 3].map(async () => mesh.run(['exec', '--open-files', '300', 'sh', '-c', 'ulimit -n'])))

    expect(attempts.map(({ code, stdout }) => [code, stdout])).toEqual(Array(3).fill([0, '300\n']))
  })

  it('are no match when nobody may run it', async () => {
    expect(await mesh.run(['run', '--on', 'small', '--timeout', '1h', 'true'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('no worker \'small\' can take this job: small: 1 h of wall time is asked for and it allows 10 min')
    })
  })

  it('run what requires a protection exactly when they have it', async () => {
    const { stdout } = await mesh.run(['nodes', '--format', 'json'])
    const [facts] = JSON.parse(stdout).filter((row: any) => row.name === 'large').map((row: any) => row.sandbox_facts as SandboxFacts)
    const run = async (word: string) => mesh.run(['exec', '--require', word, 'true'])
    const expected: Array<[string, boolean]> = [
      ['two-uids', facts.uidMode === 'two-uids'],
      ['cgroup-cpu', facts.methods.cpu !== 'rusage'],
      ['bubblewrap', facts.builder === 'bubblewrap'],
      ['proc', facts.proc],
      ['no-caveats', facts.caveats.length === 0]
    ]

    for (const [word, met] of expected) {
      const { code, stderr } = await run(word)

      expect(code, `${word}: ${stderr}`).toBe(met ? 0 : 125)
      expect(stderr.includes(`its sandbox lacks ${word}, which the job requires`)).toBe(!met)
    }
  })

  it('tell what they allow', async () => {
    const { stdout } = await mesh.run(['nodes', '--format', 'json'])
    const ceilings = Object.fromEntries(JSON.parse(stdout).filter((row: any) => row.role === 'worker').map((row: any) => [row.name, row.ceilings]))

    expect(ceilings).toEqual({ large: {}, small: { wallMs: 600_000, memoryBytes: 2 ** 30, processes: 100, openFiles: 200 } })
  })
})
