import { describe, expect, it } from 'vitest'
import { contendersOf } from '../../src/report/comparison.ts'
import { exitCodeOf } from '../../src/report/exit-code.ts'
import { regressionsOf } from '../../src/report/regressions.ts'
import { rowsOf } from '../../src/report/rows.ts'
import { compared, type PairSketch } from './comparison-fixtures.ts'
import type { FinishedJob } from '../../src/model/finished.ts'
import type { Contender } from '../../src/report/comparison.ts'

const contenders = (job: FinishedJob): Contender[] => contendersOf(rowsOf(job), job)
const machine = (machineId: string, job: FinishedJob): FinishedJob => {
  job.workers.forEach(({ info }) => { info.resources.machineId = machineId })

  return job
}
const fleet = (...slower: number[]): PairSketch[] => slower.map((factor, i) => ({ name: `lab-${i + 1}`, slower: [factor], seed: i + 1 }))

describe('contenders', () => {
  it('are all commands but the first, each beside it on every worker', () => {
    const [first, second, ...others] = contenders(compared([{ name: 'a', slower: [1.05, 0.9] }, { name: 'b', slower: [1.05, 0.9], seed: 2 }]))

    expect(others).toEqual([])
    expect([first, second].map(contender => contender?.rows.map(({ row, result }) => [row.title, row.name, result?.verdict]))).toEqual([
      [['./new 7', 'a', 'slower'], ['./new 7', 'b', 'slower']],
      [['./newer 7', 'a', 'faster'], ['./newer 7', 'b', 'faster']]
    ])
    expect(first?.fleet.these?.ratio).toBeCloseTo(1.05, 2)
    expect(second?.fleet.these?.ratio).toBeCloseTo(0.9, 2)
  })

  it('are none when the job is no comparison', () => {
    const { job, ...rest } = compared(fleet(1.05))
    const { comparison: _, ...plain } = job

    expect(contenders({ ...rest, job: plain })).toEqual([])
  })

  it('have nothing to say on a worker where one of the two has failed', () => {
    const [contender] = contenders(compared([...fleet(1.05), { name: 'bad', slower: [1.05], exit: { kind: 'code', code: 3 } }]))

    expect(contender?.rows.map(({ result }) => result?.verdict)).toEqual(['slower', undefined])
    expect(contender?.machines.map(({ name }) => name)).toEqual(['lab-1'])
  })

  it('are compared by what was asked for', () => {
    const job = compared(fleet(1), { metric: 'cpu' })

    job.workers[0]!.result!.commands[1]!.samples.forEach(sample => { sample.cpuNs *= 2 })

    expect(contenders(job)[0]?.rows[0]?.result?.ratio?.ratio).toBeCloseTo(2, 1)
    expect(contenders({ ...job, job: { ...job.job, comparison: { ...job.job.comparison!, metric: 'wall' } } })[0]?.rows[0]?.result?.ratio?.ratio).toBeCloseTo(1, 1)
  })

  it('make machines disagree that do', () => {
    expect(contenders(compared(fleet(1.02, 1.02, 1.02, 1.2)))[0]?.disagree.map(({ name }) => name)).toEqual(['lab-4'])
  })
})

describe('workers of one machine', () => {
  it('are one machine, however many they are', () => {
    const sketches = fleet(1.03, 1.03, 1.03, 1.03, 1.03)
    const [apart] = contenders(compared(sketches))
    const [together] = contenders(machine('m', compared(sketches)))

    expect(apart?.machines).toHaveLength(5)
    expect(apart?.fleet.like).toBeDefined()
    expect(together?.machines.map(({ name, result }) => [name, result.ratio?.pairs])).toEqual([['lab-1 + lab-2 + lab-3 + lab-4 + lab-5', 200]])
    expect(together?.fleet.like).toBeUndefined()
    expect(together?.rows.map(({ result }) => result?.ratio?.pairs)).toEqual([40, 40, 40, 40, 40])
  })

  it('never make a pair of runs of two of them', () => {
    const job = machine('m', compared([{ name: 'a', slower: [1], pairs: 7, spread: 0 }, { name: 'b', slower: [1], pairs: 9, spread: 0 }]))

    // Ten times as fast as the other one, both of its commands.
    job.workers[1]!.result!.commands.forEach(({ samples }) => { samples.forEach(sample => { sample.wallNs /= 10 }) })

    expect(contenders(job)[0]?.machines[0]?.result.ratio).toMatchObject({ ratio: 1, low: 1, high: 1, pairs: 14 })
  })

  it('of which nobody knows the machine are apart', () => {
    expect(contenders(machine('', compared(fleet(1.03, 1.03))))[0]?.machines).toHaveLength(2)
  })
})

describe('regressions', () => {
  const found = (job: FinishedJob): string[] => regressionsOf(contenders(job), job.job.comparison!).map(({ machine }) => machine.name)

  it('are where the evidence says slower by more than the threshold', () => {
    expect(found(compared(fleet(1.02, 1.1, 1), { failIfSlower: 0.05 }))).toEqual(['lab-2'])
    expect(found(compared(fleet(1.02, 1.1, 1), { failIfSlower: 0 }))).toEqual(['lab-1', 'lab-2'])
    expect(found(compared(fleet(1.02, 1.1, 1)))).toEqual([])
  })

  it('take more evidence where there are more machines to be wrong about', () => {
    // Six pairs: the least p is 1 / 64, just below the level.
    const slow: PairSketch = { name: 'slow', slower: [1.2], pairs: 6 }

    expect(found(compared([slow], { failIfSlower: 0.05 }))).toEqual(['slow'])
    expect(found(compared([slow, ...fleet(1, 1, 1)], { failIfSlower: 0.05 }))).toEqual([])
  })
})

describe('the exit code of a comparison', () => {
  it.each([
    ['0 without a threshold, however slow', fleet(2), {}, 0],
    ['3 for a regression', fleet(1.1), { failIfSlower: 0.05 }, 3],
    ['3 for one machine among others', fleet(1, 1, 1.1), { failIfSlower: 0.05 }, 3],
    ['0 below the threshold', fleet(1.02), { failIfSlower: 0.05 }, 0],
    ['0 when it is faster', fleet(0.5), { failIfSlower: 0.05 }, 0],
    ['0 when nothing is certain', [{ name: 'a', slower: [1.02], spread: 0.5 }], { failIfSlower: 0.01 }, 0],
    ['3 when that was not to be', [{ name: 'a', slower: [1.02], spread: 0.5 }], { failIfUndecided: true }, 3],
    ['3 with too few pairs, when that was not to be', [{ name: 'a', slower: [1.02], pairs: 5 }], { failIfUndecided: true }, 3],
    ['0 with a verdict', fleet(1), { failIfUndecided: true, margin: 0.05 }, 0],
    ['1 when something failed, whatever else', [...fleet(1.1), { name: 'bad', slower: [1], exit: { kind: 'code', code: 3 } }], { failIfSlower: 0.05 }, 1]
  ] as Array<[string, PairSketch[], Parameters<typeof compared>[1], number]>)('is %s', (_, workers, comparison, code) => {
    expect(exitCodeOf(compared(workers, comparison))).toBe(code)
  })
})
