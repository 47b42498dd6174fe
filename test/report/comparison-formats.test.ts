import { describe, expect, it } from 'vitest'
import { renderCsv } from '../../src/report/csv.ts'
import { renderJson } from '../../src/report/json.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { renderNdjson } from '../../src/report/ndjson.ts'
import { renderTable } from '../../src/report/table.ts'
import { timesAsMany } from '../../src/report/undecided.ts'
import { compared, type PairSketch } from './comparison-fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'

const screen = (job: FinishedJob, options: Partial<Parameters<typeof renderTable>[1]> = {}): string => renderTable(job, { colour: false, width: 160, ...options })
const fleet = (...slower: number[]): PairSketch[] => slower.map((factor, i) => ({ name: `lab-${i + 1}`, slower: [factor], seed: i + 1 }))

describe('the screen of a comparison', () => {
  it('has both medians, the ratio, the share of pairs and the verdict', () => {
    const text = screen(compared([{ name: 'lab-01', slower: [1.023] }], { failIfSlower: 0.05 }))

    expect(text.replace(/1\.02\d\d ± 0\.00\d\d/, '1.0xxx ± 0.00xx')).toBe([
      './new 7 against ./old 7 · 1 of 1 worker · job 7x2m9ka7',
      'worker  cpu                ./old 7          ./new 7  pairs  faster in  ratio ± 95 %     verdict  noise',
      'lab-01  EPYC 7302  39.95 ms ± 0.20  40.95 ms ± 0.18     40        0 %  1.0xxx ± 0.00xx  slower   A',
      'no regression: nothing is slower by more than 5 % for certain',
      'ratio: of wall time, to that of the first command in the same pair; equivalent within ± 1 %',
      'output of ./old 7: same in all 40 runs',
      'output of ./new 7: same in all 40 runs',
      ''
    ].join('\n'))
  })

  it('speaks of these machines, and of machines like these from five on', () => {
    expect(screen(compared(fleet(1.03, 1.03, 1.03, 1.03)))).toMatch(/^these 4 machines: slower, 1\.03\d* ± 0\.\d+$/m)
    expect(screen(compared(fleet(1.03, 1.03, 1.03, 1.03)))).not.toMatch(/like these/)
    expect(screen(compared(fleet(1.03, 1.03, 1.03, 1.03, 1.03)))).toMatch(/^machines like these: slower, 1\.03\d* ± [\d.]+; on one more of them 1\.0\d+ to 1\.0\d+ is expected$/m)
  })

  it('names machines that disagree, and regressions', () => {
    const text = screen(compared(fleet(1.02, 1.02, 1.02, 1.2), { failIfSlower: 0.05 }))

    expect(text).toMatch(/^unlike most of the others: lab-4 \(1\.\d+ ± [\d.]+\)$/m)
    expect(text).toMatch(/^regression: slower by more than 5 % on lab-4 \(1\.\d+ ± [\d.]+\)$/m)
    expect(screen(compared(fleet(1, 1.2)))).toMatch(/^the machines disagree: lab-1 \(.*\) and lab-2 \(.*\)$/m)
  })

  it('compares several with the first, and says of which each line is', () => {
    const text = screen(compared([{ name: 'a', slower: [1.1, 0.9] }, { name: 'b', slower: [1.1, 0.9], seed: 2 }], { failIfSlower: 0.05 }))

    expect(text).toMatch(/^2 commands against \.\/old 7 · /)
    expect(text).toMatch(/^ +\.\/newer 7 .* faster +A$/m)
    expect(text).toMatch(/^\.\/newer 7: these 2 machines: faster, 0\.9/m)
    expect(text).toMatch(/^regression: slower by more than 5 %: \.\/new 7 on a \(.*\) and \.\/new 7 on b \(.*\)$/m)
  })

  it('warns when the outputs differ', () => {
    const job = compared(fleet(1, 1))

    job.workers.forEach(({ result }) => { result!.commands[1]!.output!.stdoutDigest = 'f'.repeat(64) })
    expect(screen(job)).toMatch(/^the outputs differ on both workers: \.\/new 7 prints something else than \.\/old 7$/m)

    job.workers[0]!.result!.commands[1]!.output!.same = false
    expect(screen(job)).toMatch(/^the outputs differ on lab-2: /m)
  })

  it('keeps the numbers of notes in the table where their column has no place', () => {
    const job = compared(fleet(1, 1, 1))

    job.workers[0]!.result!.commands[0]!.samples[0]!.wallNs *= 9
    job.workers[1]!.result!.commands[1]!.samples[0]!.wallNs *= 9

    for (const width of [160, 60, 20]) {
      const text = screen(job, { width })
      const notes = [...text.matchAll(/^\((\d+)\)/gm)].map(match => match[1])

      expect(notes.length).toBeGreaterThan(0)
      notes.forEach(note => { expect(text).toMatch(new RegExp(`^lab-\\d.* \\(${note}\\)`, 'm')) })
    }

    expect(screen(job, { width: 60 })).toMatch(/^worker .* verdict +noise\nlab-1 .* A \(1\)\nlab-2 .* A \(1\)\nlab-3 .* A$/m)
  })

  it('says why there are no figures however narrow it is', () => {
    const job = compared(fleet(1, 1))

    Object.assign(job.workers[1]!, { state: 'lost', reason: 'silent for 25 s', result: undefined })

    for (const width of [160, 60, 20]) {
      expect(screen(job, { width })).toMatch(/^lab-2 .*lost: silent for 25 s$/m)
    }
  })

  it('says nothing of the outputs of a command that failed', () => {
    const job = compared(fleet(1))

    job.workers[0]!.result!.commands[1]!.output!.stdoutDigest = 'f'.repeat(64)
    expect(screen(job)).toMatch(/^the outputs differ: /m)

    job.workers[0]!.state = 'failed'
    job.workers[0]!.result!.commands[1]!.samples[0]!.exit = { kind: 'code', code: 1 }
    expect(screen(job)).toMatch(/failed: exited with 1/)
    expect(screen(job)).not.toMatch(/the outputs differ/)
  })

  it('calls memory smaller and larger', () => {
    const job = compared(fleet(1), { metric: 'memory', failIfSlower: 0.05 })

    job.workers[0]!.result!.commands.forEach(({ samples }, command) => { samples.forEach((sample, run) => { sample.memoryBytes = (command + 2) * 2 ** 20 + 4096 * (run % 3) }) })

    expect(screen(job)).toMatch(/smaller in.*\n.*2\.0 MB +3\.0 MB +40 +0 % +1\.\d+ ± [\d.]+ +larger +A\nregression: larger by more than 5 % on lab-1/)

    job.workers[0]!.result!.commands[1]!.samples.forEach((sample, run) => { sample.memoryBytes = job.workers[0]!.result!.commands[0]!.samples[run]!.memoryBytes })
    expect(screen(job)).toMatch(/ 50 % +1\.0000 ± 0 +equivalent/)
    expect(screen(compared(fleet(1), { metric: 'memory' }))).toMatch(/^undecided: .*not billed for memory/m)
  })

  it('says what happened where there is nothing to compare', () => {
    const text = screen(compared([
      { name: 'good', slower: [1.1] },
      { name: 'bad', slower: [1.1], exit: { kind: 'code', code: 3 } },
      { name: 'gone', slower: [1.1], worker: { state: 'lost', reason: 'silent for 25 s', result: undefined } }
    ]))

    expect(text).toMatch(/^bad +EPYC 7302 +\.\/old 7 failed: exited with 3 in 40 of 40 runs$/m)
    expect(text).toMatch(/^gone +EPYC 7302 +lost: silent for 25 s$/m)
    expect(text).not.toMatch(/these \d machines/)
    expect(screen(compared([{ name: 'gone', slower: [1.1], worker: { state: 'lost', reason: 'silent for 25 s', result: undefined } }]))).toBe([
      './new 7 against ./old 7 · 0 of 1 worker · job 7x2m9ka7',
      'worker  cpu        result',
      'gone    EPYC 7302  lost: silent for 25 s',
      ''
    ].join('\n'))
  })

  it('groups many workers by processor and shows those that need a look', () => {
    const job = compared(fleet(...Array.from({ length: 21 }, (_, i) => i === 7 ? 1.2 : 1.02)), { failIfSlower: 0.1 })

    expect(screen(job)).toMatch(/^EPYC 7302 +21 +1\.0\d+ ± [\d.]+ +21 slower$/m)
    expect(screen(job).match(/^lab-\d+/gm)).toEqual(['lab-8'])
    expect(screen(job, { allRows: true }).match(/^lab-\d+/gm)).toHaveLength(21)
  })

  it('is coloured by verdict, and fits a narrow terminal', () => {
    expect(screen(compared(fleet(1.1)), { colour: true })).toContain('\u001b[31mslower\u001b[39m')
    expect(screen(compared(fleet(0.9)), { colour: true })).toContain('\u001b[32mfaster\u001b[39m')
    expect(screen(compared(fleet(1.1)), { width: 80 }).split('\n')[2]).toMatch(/^lab-1 .{1,74}$/)
  })
})

describe('where there is no verdict', () => {
  const wide: PairSketch = { name: 'a', slower: [1], spread: 0.1 }

  it('it says what would help, by the plan', () => {
    const budget = { kind: 'precision', precision: 0.005, budgetMs: 5_000, minRuns: 1, maxRuns: 10_000, warmup: 0 } as const

    expect(screen(compared([wide], {}, { plan: { kind: 'fixed', runs: 40, warmup: 0 } }))).toMatch(/^undecided: at most \d+ times as many pairs bring a verdict: --runs \d+$/m)
    expect(screen(compared([{ ...wide, commands: [{}, { reached: 0.04 }] }], {}, { plan: budget }))).toMatch(/pairs bring a verdict: --budget \d+[sm]$/m)
    expect(screen(compared([wide], {}, { plan: budget }))).toMatch(/pairs bring a verdict: --precision 0\.\d+%$/m)
    expect(screen(compared([{ ...wide, pairs: 5 }], {}, { plan: { kind: 'fixed', runs: 5, warmup: 0 } }))).toMatch(/^undecided: 5 pairs say nothing, 6 are the least: --runs 6 or more$/m)
    expect(screen(compared([{ ...wide, commands: [{}, { reached: 0.4 }], spread: 0.4 }], {}, { plan: budget }))).toMatch(/^undecided: the runs differ too much from each other for ± 1 %: a quieter machine helps, or e\.g\. --margin \d+%$/m)
    expect(screen(compared([{ ...wide, commands: [{}, { reached: 0.4 }], spread: 0.9 }], {}, { plan: budget }))).toMatch(/^undecided: the runs differ too much from each other for ± 1 %: a quieter machine helps$/m)
  })

  it('names the workers among several', () => {
    expect(screen(compared([wide, ...fleet(1.1)]))).toMatch(/^undecided on a: /m)
  })

  it('the number of pairs grows with the square of the width', () => {
    expect(timesAsMany(Math.log1p(0.01), 0.01)).toBe(4)
    expect(timesAsMany(3 * Math.log1p(0.01), 0.01)).toBe(36)
    expect(timesAsMany(1e-9, 0.01)).toBe(2)
  })

  it('so many pairs would have brought one', () => {
    const sketch: PairSketch = { name: 'a', slower: [1.004], spread: 0.08 }
    const times = Number(/at most (\d+) times/.exec(screen(compared([sketch])))?.[1])

    expect(screen(compared([{ ...sketch, pairs: 40 * times }]))).not.toMatch(/undecided/)
  })
})

describe('JSON of a comparison', () => {
  const job = compared([...fleet(1.1, 1.1, 1.1, 1.1, 1.2)], { failIfSlower: 0.05 })
  const { results, comparisons: [record, ...others] } = JSON.parse(renderJson(job))

  it("keeps hyperfine's results and adds the comparisons", () => {
    expect(results).toHaveLength(10)
    expect(others).toEqual([])
    expect(record).toMatchObject({
      reference: './old 7',
      contender: './new 7',
      metric: 'wall',
      margin: 0.01,
      these_machines: { machines: 5, verdict: 'slower' },
      machines_like_these: { verdict: 'slower', prediction_interval: [expect.any(Number), expect.any(Number)] },
      unlike_the_others: ['lab-5'],
      fail_if_slower: 0.05,
      regressions: ['lab-1', 'lab-2', 'lab-3', 'lab-4', 'lab-5']
    })
    expect(record.workers[0]).toMatchObject({ worker: 'lab-1', peer_id: '12D3KooW-lab-1', pairs: 40, contender_faster: 0, verdict: 'slower', outputs_same: true })
    expect(record.workers[0].ratio).toBeCloseTo(1.1, 2)
    expect(record.workers[0].interval[0]).toBeLessThan(record.workers[0].ratio)
    expect(record.workers[0].p_value).toBeLessThan(1e-5)
  })

  it('has a line of its own among lines', () => {
    const lines = renderNdjson(job).trim().split('\n').map(line => JSON.parse(line))

    expect(lines.map(({ state }) => state)).toEqual([...Array(10).fill('done'), 'comparison'])
    expect(lines.at(-1)).toEqual({ ...record, job: job.job.id, state: 'comparison' })
  })

  it('says why there is no ratio', () => {
    const { comparisons } = JSON.parse(renderJson(compared([{ name: 'a', slower: [1], pairs: 3 }])))

    expect(comparisons[0].workers[0]).toEqual({ worker: 'a', peer_id: '12D3KooW-a', pairs: 3, verdict: 'undecided', reason: expect.stringMatching(/3 pairs/), outputs_same: true })
    expect(comparisons[0]).not.toHaveProperty('these_machines')
  })

  it('is not there for what is no comparison', () => {
    const { comparison: _, ...plain } = job.job

    expect(JSON.parse(renderJson({ ...job, job: plain }))).not.toHaveProperty('comparisons')
  })
})

describe('CSV of a comparison', () => {
  it("has the ratio in further columns of the contender's rows", () => {
    const [titles, ...rows] = renderCsv(compared([...fleet(1.1), { name: 'bad', slower: [1], exit: { kind: 'code', code: 3 } }])).trim().split('\n').map(line => line.split(','))
    const last = (cells: string[] = []): string[] => cells.slice(-6)

    expect(last(titles)).toEqual(['pairs', 'ratio', 'ratio_low', 'ratio_high', 'contender_faster', 'verdict'])
    expect(rows.map(cells => [cells[0], cells.length === titles?.length])).toEqual([
      ['./old 7 [lab-1]', true], ['./new 7 [lab-1]', true], ['./new 7 [bad]', true], ['./old 7', true]
    ])
    expect(last(rows[0])).toEqual(['', '', '', '', '', ''])
    expect(last(rows[1])).toEqual(['40', expect.stringMatching(/^1\.\d+$/), expect.stringMatching(/^1\.0\d+$/), expect.stringMatching(/^1\.\d+$/), '0', 'slower'])
    expect(last(rows[2])).toEqual(['', '', '', '', '', ''])
  })
})

describe('Markdown of a comparison', () => {
  it('is a table with what it comes to below', () => {
    const lines = renderMarkdown(compared(fleet(1.1, 1.1), { failIfSlower: 0.05 })).split('\n')

    expect(lines[0]).toBe('| Command | Worker | CPU | `./old 7` | `./new 7` | Pairs | Faster in | Ratio ± 95 % | Verdict | Noise |')
    expect(lines[2]).toMatch(/^\| `\.\/new 7` \| lab-1 \| EPYC 7302 \| 39\.95 ms ± 0\.20 \| .* \| slower \| A \|$/)
    expect(lines.join('\n')).toMatch(/\n\nthese 2 machines: slower, 1\.\d+ ± [\d.]+\nregression: slower by more than 5 % on lab-1 /)
  })

  it('has as many cells in a row without a comparison', () => {
    const lines = renderMarkdown(compared([{ name: 'bad', slower: [1], exit: { kind: 'code', code: 3 } }])).split('\n')

    expect(lines[2]?.split('|')).toHaveLength(lines[0]?.split('|').length ?? 0)
  })
})
