import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addRuns, keptRuns, measuredOf, NO_RUNS } from '../../src/dashboard/state/samples.ts'
import { reduceJob, NO_JOB, type JobMessage } from '../../src/dashboard/state/job.ts'
import type { TaskView } from '../../src/node/protocol/submit/messages.ts'

const run = (wallNs: number): { wallNs: number, cpuNs: number } => ({ wallNs, cpuNs: wallNs })

describe('runs that are told while others go on', () => {
  it('come once each, however often and late they are told', () => {
    fc.assert(fc.property(fc.array(fc.record({ more: fc.nat(8), window: fc.integer({ min: 1, max: 12 }) }), { maxLength: 30 }), reports => {
      let runs = 0
      let state = NO_RUNS
      const missed: number[] = []

      for (const { more, window } of reports) {
        const before = runs

        runs += more

        const first = Math.max(0, runs - window)

        for (let at = before; at < first; at++) {
          missed.push(at)
        }

        state = addRuns(state, runs, Array.from({ length: runs - first }, (_, at) => run(first + at)), 1_000)
      }

      const all = Array.from({ length: runs }, (_, at) => at).filter(at => !missed.includes(at))

      expect(state.told.map(({ wallNs }) => wallNs)).toEqual(all)
      expect(state).toMatchObject({ runs, toldRuns: all.length })
    }))
  })

  it('begin anew with another attempt, and are bounded', () => {
    const many = addRuns(NO_RUNS, 30, Array.from({ length: 30 }, (_, at) => run(at)), 20)

    expect(many).toMatchObject({ runs: 30, toldRuns: 30 })
    expect(many.told).toHaveLength(20)
    expect(addRuns(many, 1, [run(7)], 20)).toEqual({ runs: 1, toldRuns: 1, told: [run(7)] })
    expect(keptRuns(1)).toBe(1_000)
    expect(keptRuns(100_000)).toBe(20)
  })

  it('have a median at once, and an interval from six on', () => {
    const five = addRuns(NO_RUNS, 5, [1, 2, 3, 4, 5].map(run), 100)

    expect(measuredOf('lab', 'prog', five, 'wall')).toMatchObject({ median: 3, values: [1, 2, 3, 4, 5] })
    expect(measuredOf('lab', 'prog', five, 'wall').interval).toBeUndefined()
    expect(measuredOf('lab', 'prog', addRuns(five, 6, [run(6)], 100), 'cpu').interval).toBeDefined()
    expect(measuredOf('lab', 'prog', five, 'memory').values).toEqual([])
  })

  it('give way to the record of their task', () => {
    const view: TaskView = { task: 't', workerName: 'lab', state: 'running', attempt: 0 }
    const record = { commands: [{ command: 0, samples: [run(1), run(2), run(3)] }, { command: 1, samples: [] }] }
    const state = ([
      { kind: 'task', view },
      { kind: 'progress', task: 't', command: 0, runs: 3, latest: [run(3)] },
      { kind: 'progress', task: 'unknown', command: 0, runs: 1, latest: [run(9)] }
    ] as JobMessage[]).reduce(reduceJob, NO_JOB)

    expect(state.samples).toEqual(new Map([['t', new Map([[0, { runs: 3, toldRuns: 1, told: [run(3)] }]])]]))
    expect(reduceJob(state, { kind: 'result', task: 't', result: record as never }).samples.get('t')).toEqual(new Map([[0, { runs: 3, toldRuns: 3, told: [run(1), run(2), run(3)] }]]))
  })
})
