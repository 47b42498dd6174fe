import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { renderFull } from '../../src/report/full.ts'
import { renderJson } from '../../src/report/json.ts'
import { around, finished } from '../report/fixtures.ts'
import { temporaryFolder, type } from './helpers.ts'

const HYPERFINE = join(import.meta.dirname, '../report/imports')
const OLD = join(HYPERFINE, 'hyperfine-1.0.json')
const NEW = join(HYPERFINE, 'hyperfine-1.20.json')

describe('compare --results', () => {
  it('lays two files of hyperfine side by side, without a verdict', async () => {
    const { code, out, err } = await type(['compare', '--results', OLD, NEW])

    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toBe(`worker  command  A median  B median  B / A  B faster
-       ./old 7   41.2 ms   82.4 ms   2.00       0 %
-       ./new 7         -   20.6 ms      -         -
A ${OLD}, B ${NEW}: different sessions, no verdict
`)
  })

  it('is the same as JSON, NDJSON, CSV and Markdown', async () => {
    const json = JSON.parse((await type(['compare', '--results', '--format', 'json', OLD, NEW])).out)

    expect(json).toMatchObject({
      remark: 'different sessions',
      metric: 'wall',
      sets: [{ set: 'A', label: OLD }, { set: 'B', label: NEW }],
      rows: [
        { worker: null, command: './old 7', sides: [{ median: expect.closeTo(0.0412, 9), runs: 5 }, { ratio: expect.closeTo(2, 9), smaller: 0 }] },
        { command: './new 7', sides: [null, { median: expect.closeTo(0.0206, 9), runs: 1 }] }
      ]
    })
    expect((await type(['compare', '--results', '--format', 'ndjson', OLD, NEW])).out.split('\n').slice(0, 2).map(line => JSON.parse(line).remark)).toEqual(['different sessions', 'different sessions'])
    expect((await type(['compare', '--results', '--format', 'csv', OLD, NEW])).out).toMatch(/^worker,command,a_median,b_median,b_ratio,b_smaller,remark\n,\.\/old 7,0\.0412,0\.0824,2(?:\.0+\d)?,0,different sessions\n/)
    expect((await type(['compare', '--results', '--format', 'markdown', OLD, NEW])).out).toMatch(/^\| worker \| command \| A median [\s\S]*\n\nA .*: different sessions, no verdict\n$/)
  })

  it('takes our own files too, one worker of many when it is asked to, and other metrics', async () => {
    const folder = await temporaryFolder()
    const job = finished([{ name: 'a', cpu: 'x', runs: [around(40, 1, 9)] }, { name: 'b', cpu: 'x', runs: [around(60, 1, 9)] }], { commands: [{ argv: ['./old', '7'], program: { kind: 'name', name: 'old' } }] })
    const [json, full] = [join(folder, 'a.json'), join(folder, 'full')]

    await writeFile(json, renderJson(job))
    await writeFile(full, renderFull({ ...job, job: { ...job.job, id: '01HF7Z00000000000Q7X2M9KA8' } }))

    expect((await type(['compare', '--results', '--metric', 'cpu', json, full])).out).toMatch(/^a +\.\/old 7 +39\.8\d* ms ± [\d.]+ +39\.8\d* ms ± [\d.]+ +1\.000? +50 %\nb /m)

    const apart = await type(['compare', '--results', json, OLD])

    expect(apart.out).toMatch(/^a +\.\/old 7 +40\.\d+ ms ± [\d.]+ +- +- +-$/m)
    expect(apart.err).toMatch(/--worker NAME takes one worker of each/)
    expect((await type(['compare', '--results', '--worker', 'b', json, OLD])).out).toMatch(/^b +\.\/old 7 +60\.\d+ ms ± [\d.]+ +41\.2 ms +0\.69 +100 %$/m)
    expect(await type(['compare', '--results', '--worker', 'c', json, OLD])).toMatchObject({ code: 2, err: expect.stringMatching(/--worker 'c' has no part in .*a\.json: these have: a, b/) })
    expect(await type(['compare', '--results', json, json])).toMatchObject({ code: 2, err: expect.stringContaining('are the same job') })
  })

  it('neither a terminal nor a spreadsheet obeys what a file calls its commands', async () => {
    const file = join(await temporaryFolder(), 'evil.json')

    await writeFile(file, JSON.stringify({ results: [{ command: '=1+1\u001b[2J', times: [1] }] }))

    for (const format of ['table', 'csv', 'markdown', 'json', 'ndjson']) {
      const { out } = await type(['compare', '--results', '--format', format, file, OLD])

      expect(out).not.toContain('\u001b')
      expect(out).not.toMatch(/(?:^|,)=1/m)
    }
  })

  it('refuses a file that has no results', async () => {
    const file = join(await temporaryFolder(), 'empty.json')

    await writeFile(file, JSON.stringify({ results: [], failures: [] }))

    expect(await type(['compare', '--results', OLD, file])).toMatchObject({ code: 2, out: '', err: `meshmark: ${file} has no results: nothing was measured when it was written\n` })
  })

  it.each([
    [['compare', '--results', OLD, NEW, '--worker', 'a'], /'--worker' stands behind a job or file: write options before them/],
    [['compare', '--results', OLD], /--results takes 2 to 10 jobs or files, and there is 1/],
    [['compare', '--results', OLD, './missing'], /\.\/missing cannot be read: there is no such file/],
    [['compare', '--results', OLD, 'missing.json'], /missing\.json cannot be read: there is no such file/],
    [['compare', '--results', OLD, HYPERFINE], /imports is a folder: name a file of results/],
    [['compare', '--results', OLD, 'package.json'], /package\.json: results is missing: name a file that --export-json of hyperfine or Meshmark wrote/],
    [['compare', '--results', OLD, 'README.md'], /README\.md is not JSON/],
    [['compare', '--results', '--format', 'full', OLD, NEW], /--format full is everything known of one job/],
    [['compare', '--results', '--runs', '5', OLD, NEW], /--runs has no meaning beside --results/],
    [['compare', '--results', '--fail-if-slower', '5%', OLD, NEW], /--fail-if-slower has no meaning beside --results/],
    [['compare', '--results', '--export-json', 'x', OLD, NEW], /--export-json has no meaning beside --results/]
  ])('%j is wrong usage and says why in one line', async (argv, message) => {
    const { code, out, err } = await type(argv)

    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).toMatch(/^meshmark: [^\n]*\n$/)
  })
})
