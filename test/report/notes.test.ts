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
    expect(below({ commands: [{ reached: 0.0234 }] }, { comparison: { metric: 'wall', margin: 0.01, failIfUndecided: false } })[0])
      .toMatch(/^not converged: the ratio is known to ± 2\.3 %, not ± 1 %;/)
  })

  it('is that there is none when there were too few runs, and nothing when as many were asked for', () => {
    expect(below({ runs: [[1, 2, 3, 4, 5]] })).toEqual(['not converged: below 6 runs there is no interval; the time for it, 5 s, was over: --budget gives more'])
    expect(below({ runs: [[1, 2, 3, 4, 5]] }, { plan: { kind: 'fixed', runs: 5, warmup: 0 } })).toEqual([])
    expect(below({ runs: [around(1, 0.1, 6)] })).toEqual([])
  })
})

describe('what is said of a worker', () => {
  const about = (result: Partial<ExecutionResult>): string[] => below({ result })

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
