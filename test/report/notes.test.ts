import { describe, expect, it } from 'vitest'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { renderTable } from '../../src/report/table.ts'
import { around, finished, worker } from './fixtures.ts'
import type { Job } from '../../src/model/job.ts'
import type { ExecutionResult } from '../../src/model/result.ts'
import type { WorkerSketch } from './fixtures.ts'

/** The lines below the table of one worker. */
function below (sketch: Partial<WorkerSketch>, job: Partial<Job> = {}): string[] {
  return renderTable(finished([{ name: 'a', cpu: 'x', runs: [around(40, 1, 40)], ...sketch }], job), { colour: false, width: 120 }).split('\n').slice(4, -1)
}

describe('what is said of a precision that was not reached', () => {
  it('is what was reached, what was asked for, and why', () => {
    expect(below({ commands: [{ reached: 0.0234 }] })).toEqual(['not converged: ± 2.3 % reached, not ± 1 %; the time for it, 5 s, was over: --budget gives more'])
    expect(below({ commands: [{ reached: 0.0234 }] }, { plan: { kind: 'precision', precision: 0.005, budgetMs: 1, minRuns: 1, maxRuns: 40, warmup: 0 } }))
      .toEqual(['not converged: ± 2.3 % reached, not ± 0.5 %; 40 runs were the most allowed'])
  })

  it('is about the ratio in a comparison', () => {
    const commands = ['old', 'new'].map(name => ({ argv: [name], program: { kind: 'name' as const, name } }))
    const lines = below({ runs: [around(40, 1, 40), around(40, 1, 40)], commands: [{ reached: 0.0234 }, { reached: 0.0234 }] }, { commands, comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false } })

    expect(lines).toContain('not converged: the ratio is known to ± 2.3 %, not ± 1 %; the time for it, 5 s, was over: --budget gives more')
  })

  it('is that there is none when there were too few runs, and nothing when as many were asked for', () => {
    expect(below({ runs: [[1, 2, 3, 4, 5]] })).toEqual(['not converged: below 6 runs there is no interval; the time for it, 5 s, was over: --budget gives more'])
    expect(below({ runs: [[1, 2, 3, 4, 5]] }, { plan: { kind: 'fixed', runs: 5, warmup: 0 } })).toEqual([])
    expect(below({ runs: [around(1, 0.1, 6)] })).toEqual([])
  })
})

describe('what is said of a worker', () => {
  const about = (result: Partial<ExecutionResult>): string[] => below({ result })

  it('is how it ended when all its runs went well, unless a command of it tells', () => {
    const ended = { state: 'failed' as const, reason: 'its cleanup command: exit code 127' }

    expect(below({ worker: ended })).toEqual(['failed: its cleanup command: exit code 127'])
    expect(below({ worker: ended, exit: { kind: 'code', code: 3 } })).toEqual([])
    expect(renderMarkdown(finished([{ name: 'a', cpu: 'x', runs: [[1]], worker: ended }, { name: 'b', cpu: 'x', runs: [[1]] }])))
      .toContain('(1) failed: its cleanup command: exit code 127')
  })

  it('is how long it waited for a quiet machine, when that was worth telling', () => {
    expect(about({ quietWaitMs: 1_234 })).toEqual(['waited 1.2 s for a quiet machine'])
    expect(about({ quietWaitMs: 101 })).toEqual([])
  })

  it('is why it has no counters', () => {
    expect(about({ noCounters: 'this virtual machine has none\u001b[2J' })).toEqual(['no hardware counters: this virtual machine has none?[2J'])
  })

  it('is that a result lies too near to the floor of its worker', () => {
    const near = (medianNs: number): string[] => {
      const made = worker({ name: 'a', cpu: 'x', runs: [] })

      return below({ worker: { info: { ...made.info, floor: { minNs: 1, medianNs } } } })
    }

    expect(near(4_000_000)).toEqual([])
    expect(near(4_010_000)).toEqual(['too short to tell much of the program: starting one that does nothing takes 4.01 ms here'])
  })

  it('stands below a table for a document as well', () => {
    expect(renderMarkdown(finished([{ name: 'a', cpu: 'x', runs: [around(40, 1, 40)], result: { quietWaitMs: 1_234 } }]))).toContain('\nwaited 1.2 s for a quiet machine\n')
  })
})

describe('what is said of the runs', () => {
  const about = (runs: number[], warmup = 0): string[] => below({ runs: [runs] }, { plan: { kind: 'fixed', runs: runs.length, warmup } })
  const steady = around(40, 1, 40)

  it('is that the first one was slow, and what helps', () => {
    expect(about([90, ...steady])).toEqual(['the first run was much slower than the others: --warmup 1 leaves such a run out'])
    expect(about([90, ...steady], 2)).toEqual(['the first run was much slower than the others, after a warm-up of 2: more may be needed'])
    expect(about([46, ...steady])).toEqual([])
  })

  it('is how many are outliers', () => {
    expect(about([...steady, 90, ...steady])).toEqual(['1 of 81 runs is an outlier, and kept'])
    expect(about([90, ...steady, 90, 1])).toEqual(['the first run was much slower than the others: --warmup 1 leaves such a run out', '2 of 43 runs are outliers, and kept'])
  })

  it('is that they drift, when that is neither chance nor nothing', () => {
    const rising = Array.from({ length: 41 }, (_, i) => 100 + 0.1 * i + (i % 2))

    expect(about(rising)).toEqual(['times rise by about 3.9 % during the session'])
    expect(about(rising.toReversed())).toEqual(['times fall by about 3.9 % during the session'])
    expect(about(rising.map(ms => ms + 1_000)).join('')).not.toContain('during the session')
    expect(about([3, 1, 4, 1.5, 9, 2.6, 5, 3.5])).toEqual([])
  })

  it('is that neighbours resemble each other', () => {
    const waves = Array.from({ length: 60 }, (_, i) => 100 + 5 * Math.sin(i / 3))

    expect(about(waves)).toEqual([expect.stringMatching(/^neighbouring runs resemble each other \(autocorrelation 0\.9\d\): they tell less than as many independent ones$/)])
  })
})

describe('what is said of a task that ran twice', () => {
  it('is where, how that ended, and that it does not count', () => {
    expect(below({ worker: { duplicates: [{ workerName: 'b', outcome: 'interrupted' }] } }, { plan: { kind: 'fixed', runs: 40, warmup: 0 } })).toEqual(['ran on b as well (interrupted), which does not count'])
  })

  it('is that its worker contradicts itself, where it does', () => {
    expect(below({ worker: { duplicates: [{ workerName: 'b', outcome: 'failed', conflict: true }] } }, { plan: { kind: 'fixed', runs: 40, warmup: 0 } })).toEqual([expect.stringMatching(/^b has delivered another record of the same execution \(failed\)/)])
  })
})
