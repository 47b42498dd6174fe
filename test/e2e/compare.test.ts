import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'

/** Some milliseconds of CPU time per 100,000. */
const PROGRAM = 'my ($n, $says) = @ARGV; my $sum = 0; $sum += $_ for 1 .. $n; print $says // "done", "\\n"\n'

/** What is slower here has twice the work: CPU time tells that on a busy machine too. */
const ROBUST = ['compare', '--metric', 'cpu', '--runs', '14', '--quiet-wait', '0']

describe('compare', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()

    for (const version of ['old', 'new']) {
      await mkdir(join(mesh.dir, 'work', version))
      await writeFile(join(mesh.dir, 'work', version, 'count.pl'), PROGRAM)
    }

    await mesh.master()
    await mesh.worker('lab-01')
  })

  afterAll(async () => { await mesh.close() })

  it('finds a program with twice the work slower, and fails only when that was asked', async () => {
    const quick = './old/count.pl 300000'
    const slow = './new/count.pl 600000'
    const found = await mesh.run([...ROBUST, quick, slow])

    expect(found.stdout).toMatch(/^\.\/new\/count\.pl 600000 against \.\/old\/count\.pl 300000 · 1 of 1 worker/)
    expect(found.stdout).toMatch(/^lab-01 .* 14 +\d+ % +\d\.\d+ ± [\d.]+ +slower/m)
    expect(found.code).toBe(0)

    const failed = await mesh.run([...ROBUST, '--fail-if-slower', '5%', '--export-json', 'r.json', quick, slow])

    expect(failed.stdout).toMatch(/^regression: slower by more than 5 % on lab-01 /m)
    expect(failed.code).toBe(3)

    const { results, comparisons } = JSON.parse(await readFile(join(mesh.dir, 'work', 'r.json'), 'utf8'))

    expect(results.map((result: any) => [result.command, result.times.length])).toEqual([[quick, 14], [slow, 14]])
    expect(comparisons).toEqual([expect.objectContaining({
      reference: quick,
      contender: slow,
      metric: 'cpu',
      workers: [expect.objectContaining({ worker: 'lab-01', pairs: 14, verdict: 'slower', outputs_same: true })],
      fail_if_slower: 0.05,
      regressions: ['lab-01']
    })])

    const better = await mesh.run([...ROBUST, '--fail-if-slower', '5%', slow, quick])

    expect(better.stdout).toMatch(/^lab-01 .* \d+ % +0\.\d+ ± [\d.]+ +faster/m)
    expect(better.code).toBe(0)
  })

  it('is shown again by show and attach', async () => {
    const [shown, attached] = [await mesh.run(['show', '@last']), await mesh.run(['attach', '@last', '--quiet'])]

    expect(shown.stdout).toMatch(/^lab-01 .* faster/m)
    expect(attached.stdout).toBe(shown.stdout)
  })

  it('finds a program equivalent to itself within a wide margin', async () => {
    const { code, stdout } = await mesh.run([...ROBUST, '--margin', '40%', '--fail-if-slower', '40%', '--fail-if-undecided', './old/count.pl 300000', './new/count.pl 300000'])

    expect(stdout).toMatch(/^lab-01 .* equivalent/m)
    expect(code).toBe(0)
  })

  it('makes as many pairs of every contender, and warns of another output', async () => {
    const { stdout } = await mesh.run(['compare', '--runs', '7', '--quiet-wait', '0', '--format', 'json', './old/count.pl 10', './old/count.pl 10 other', './old/count.pl 20'])
    const { results, comparisons } = JSON.parse(stdout)

    expect(results.map((result: any) => result.times.length)).toEqual([7, 7, 7])
    expect(comparisons.map(({ workers: [worker] }: any) => [worker.pairs, worker.outputs_same])).toEqual([[7, false], [7, true]])
    expect((await mesh.run(['show', '@last'])).stdout).toMatch(/^\.\/old\/count\.pl 10 other: the outputs differ: \.\/old\/count\.pl 10 other prints something else than \.\/old\/count\.pl 10$/m)
  })

  it('comes to no verdict with too few pairs, which fails when that was not to be', async () => {
    const few = ['compare', '--runs', '5', '--quiet-wait', '0']
    const commands = ['./old/count.pl 10', './new/count.pl 10']
    const { code, stdout } = await mesh.run([...few, ...commands])

    expect(stdout).toMatch(/^undecided: 5 pairs say nothing, 6 are the least: --runs 6 or more$/m)
    expect(code).toBe(0)
    expect((await mesh.run([...few, '--fail-if-undecided', ...commands])).code).toBe(3)
  })

  it('fails before anything else when one of the two does', async () => {
    const { code, stdout } = await mesh.run(['compare', '--runs', '7', '--fail-if-undecided', '--fail-if-slower', '0', './old/count.pl 10', 'false'])

    expect(stdout).toMatch(/^lab-01 .*false failed: exited with 1/m)
    expect(code).toBe(1)
  })
})
