import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RESULT_FORMATS } from '../../../src/cli/common/options.ts'
import { checkExports, exportWords, presentResults, type ResultOptions } from '../../../src/cli/files/results.ts'
import type { Teller } from '../../../src/cli/files/reports.ts'
import type { JobOutcome } from '../../../src/roles/client/finished.ts'
import { executionResult, jobView, sample, taskView } from '../fixtures.ts'
import { temporaryFolder, testContext, type } from '../helpers.ts'

const OPTIONS: ResultOptions = { format: 'json' }

/** Three runs on each worker; on one called `bad` they fail. */
function outcome (...names: string[]): JobOutcome {
  return {
    view: jobView(names.map((name, index) => taskView(`w${index}`, { workerName: name, state: name === 'bad' ? 'failed' : 'done' })), { state: 'finished' }),
    results: new Map(names.map((name, index) => [`w${index}`, executionResult({
      samples: [0, 1, 2].map(run => sample({ run, wallNs: 40_000_000 + run, exit: { kind: 'code', code: name === 'bad' ? 3 : 0 } }))
    })]))
  }
}

/** Has kept nothing of what was printed. */
const SILENT: Teller = { attach: async function * () {}, attachItems: async function * () {} }

async function present (job: JobOutcome, options: Partial<ResultOptions>): Promise<{ code: number, out: string }> {
  const context = testContext()
  const code = await presentResults(SILENT, job, { ...OPTIONS, ...options }, context)

  return { code, out: context.out() }
}

describe('results in files', () => {
  it('can be asked for again in the same words, which a shell takes apart as they were', () => {
    expect(exportWords({ ...OPTIONS, exportJson: 'times-{worker}.json', exportFull: 'q7.json' })).toBe(" --export-json 'times-{worker}.json' --export-full q7.json")
    expect(exportWords(OPTIONS)).toBe('')
  })

  it("are hyperfine's, one file for each worker, where {worker} is in the name", async () => {
    const folder = await temporaryFolder()

    await present(outcome('lab-01', 'lab/02'), { exportJson: join(folder, 'r-{worker}.json'), exportCsv: join(folder, '{worker}.csv'), exportMarkdown: join(folder, 'all.md') })

    expect((await readdir(folder)).sort()).toEqual(['all.md', 'lab-01.csv', 'lab-02.csv', 'r-lab-01.json', 'r-lab-02.json'])

    const { results, failures } = JSON.parse(await readFile(join(folder, 'r-lab-02.json'), 'utf8'))

    expect(failures).toEqual([])
    expect(results).toHaveLength(1)
    expect(results[0]).toMatchObject({ command: 'primes 10', times: [0.04, 0.040000001, 0.040000002], worker: { name: 'lab/02' } })
    expect(results[0].parameters).toBeUndefined()
    expect((await readFile(join(folder, 'lab-01.csv'), 'utf8')).split('\n')[0]).not.toContain('parameter_worker')
    expect(await readFile(join(folder, 'all.md'), 'utf8')).toMatch(/lab-01[^]*lab\/02/)
  })

  it('are complete where everything is asked for: each run with all that was measured of it', async () => {
    const folder = await temporaryFolder()
    const job = outcome('lab-01', 'bad')

    await present(job, { exportFull: join(folder, '{worker}.json') })

    const { out } = await present(job, { format: 'full', worker: 'bad' })
    const text = await readFile(join(folder, 'bad.json'), 'utf8')

    expect(text).toBe(out)
    expect(text).toContain('"wallNs":40000002')
    expect(JSON.parse(text).job).toMatchObject({ plan: { kind: 'fixed', runs: 10 } })
    expect(await readFile(join(folder, 'lab-01.json'), 'utf8')).not.toContain('bad')
  })

  it('hold one worker alone with --worker, in every format, and the exit code is that of all', async () => {
    const folder = await temporaryFolder()
    const job = outcome('lab-01', 'bad')

    for (const format of RESULT_FORMATS) {
      const { code, out } = await present(job, { format, worker: 'lab-01', exportNdjson: join(folder, '{worker}') })

      expect(out).toContain('lab-01')
      expect(out).not.toContain('bad')
      expect(code).toBe(1)
    }

    expect(await readdir(folder)).toEqual(['lab-01'])
    await expect(present(job, { worker: 'lab-09' })).rejects.toMatchObject({ code: 'usage', message: "--worker 'lab-09' has no part in this job: these have: lab-01, bad" })
  })

  it('take the place of a file whole, through a link and with its permissions', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'file')

    await writeFile(file, 'old')
    await chmod(file, 0o640)
    await symlink('file', join(folder, 'link'))
    await present(outcome('a'), { exportJson: join(folder, 'link') })

    expect(JSON.parse(await readFile(file, 'utf8')).results).toHaveLength(1)
    expect((await stat(file)).mode & 0o777).toBe(0o640)
    expect((await readdir(folder)).sort()).toEqual(['file', 'link'])
  })

  it('go into a pipe without replacing it', async () => {
    const folder = await temporaryFolder()
    const fifo = join(folder, 'fifo')

    execFileSync('mkfifo', [fifo])

    const [text] = await Promise.all([readFile(fifo, 'utf8'), present(outcome('a'), { exportJson: fifo })])

    expect(JSON.parse(text).results).toHaveLength(1)
    expect((await stat(fifo)).isFIFO()).toBe(true)
  })
})

describe('files for results', () => {
  it.each([
    ['{worker}/x.json', /--export-json .* can stand only in the file's own name/],
    ['missing/x.json', /cannot be written: there is no folder/],
    ['missing/{worker}.json', /cannot be written: there is no folder/],
    ['file/x.json', /cannot be written: .*file is not a folder/],
    ['folder', /is a folder: name a file in it/]
  ])('%s is refused before the job', async (name, message) => {
    const folder = await temporaryFolder()

    await mkdir(join(folder, 'folder'))
    await writeFile(join(folder, 'file'), '')
    await expect(checkExports({ ...OPTIONS, exportJson: join(folder, name) })).rejects.toThrow(message)
    expect(await type(['show', '@last', '--export-json', join(folder, name)])).toMatchObject({ code: 2, out: '' })
  })

  it('are told apart', async () => {
    const folder = await temporaryFolder()

    await expect(checkExports({ ...OPTIONS, exportJson: join(folder, 'x'), exportCsv: `${folder}/./x` })).rejects.toThrow(/--export-json and --export-csv both write/)
  })

  it('may be there already, and are not touched by the look at them', async () => {
    const folder = await temporaryFolder()

    await writeFile(join(folder, 'x'), 'old')
    await checkExports({ ...OPTIONS, exportJson: join(folder, 'x'), exportCsv: join(folder, '{worker}') })

    expect(await readFile(join(folder, 'x'), 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['x'])
  })
})
