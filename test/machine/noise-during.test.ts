import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { involuntaryRate, unusualWaits } from '../../src/machine/noise-during.ts'
import { gradeNoise } from '../../src/machine/noise.ts'
import type { CommandResult } from '../../src/model/result.ts'
import type { Sample } from '../../src/model/sample.ts'

type Sketch = Partial<Record<'wall' | 'cpu' | 'switches', number>>

/** Milliseconds; a run of 100 ms that needs 99. */
function ran (...runs: Sketch[]): CommandResult {
  const samples = runs.map(({ wall = 100, cpu = 99, switches = 0 }, run) => ({ run, wallNs: wall * 1e6, cpuNs: cpu * 1e6, involuntarySwitches: switches }) as Sample)

  return { command: 0, samples, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage' }
}

const times = (count: number, sketch: Sketch = {}): Sketch[] => Array.from({ length: count }, () => sketch)

describe('a run that waited for something unusual', () => {
  it('has a wall time above its CPU time that its program has not elsewhere', () => {
    expect(unusualWaits([ran(...times(9), { wall: 110 })])).toEqual({ waited: 1, runs: 10 })
    expect(unusualWaits([ran(...times(9), { wall: 104 })])).toEqual({ waited: 0, runs: 10 })
  })

  it('is none that had more to do', () => {
    expect(unusualWaits([ran(...times(9), { wall: 200, cpu: 199 })])).toEqual({ waited: 0, runs: 10 })
  })

  it('is none of a program that sleeps in each run', () => {
    expect(unusualWaits([ran(...times(10, { wall: 300, cpu: 2 }))]).waited).toBe(0)
  })

  it('is known by the spread of its own program', () => {
    const waits = [0, 30, 5, 60, 20, 45, 10, 55, 25, 40]

    expect(unusualWaits([ran(...waits.map(ms => ({ wall: 100 + ms })), { wall: 280 })]).waited).toBe(0)
    expect(unusualWaits([ran(...waits.map(ms => ({ wall: 100 + ms })), { wall: 400 })]).waited).toBe(1)
  })

  it('is found in programs of several threads', () => {
    expect(unusualWaits([ran(...times(9, { wall: 100, cpu: 390 }), { wall: 130, cpu: 390 })]).waited).toBe(1)
  })

  it('is not the first, nor one of a few', () => {
    expect(unusualWaits([ran({ wall: 900 }, ...times(9))]).waited).toBe(0)
    expect(unusualWaits([ran(...times(4), { wall: 900 })])).toEqual({ waited: 0, runs: 0 })
  })

  it('is never found in more than half of the runs', () => {
    const run = fc.record({ wall: fc.double({ min: 0, max: 1e6, noNaN: true }), cpu: fc.double({ min: 0, max: 1e6, noNaN: true }) })

    fc.assert(fc.property(fc.array(run, { minLength: 6, maxLength: 40 }), runs => {
      expect(unusualWaits([ran(...runs)]).waited).toBeLessThanOrEqual(runs.length / 2)
    }))
  })
})

describe('involuntary switches', () => {
  it('are counted per second, without those of a start and an end', () => {
    expect(involuntaryRate([ran(...times(10, { switches: 22 }))])).toBeCloseTo(200)
    expect(involuntaryRate([ran(...times(10, { switches: 2 }))])).toBe(0)
  })

  it('say nothing of several threads, of moments, of nothing', () => {
    expect(involuntaryRate([ran(...times(10, { cpu: 200, switches: 99 }))])).toBeUndefined()
    expect(involuntaryRate([ran(...times(10, { wall: 1, cpu: 1, switches: 99 }))])).toBeUndefined()
    expect(involuntaryRate([])).toBeUndefined()
  })
})

describe('a grade', () => {
  const before = { atNs: 0n, cores: 4, busyMs: 0, stealMs: 0, cpuWaitMs: 0 }
  const after = { ...before, atNs: 5_000_000_000n, busyMs: 5_000 }

  it('tells what happened in between, in words', () => {
    expect(gradeNoise(before, after, [ran(...times(43), ...times(7, { wall: 200 }))])).toEqual({ grade: 'C', reasons: ['in 7 of 50 runs it waited for something unusual'] })
    expect(gradeNoise(before, after, [ran(...times(50, { switches: 32 }))])).toEqual({ grade: 'B', reasons: ['its programs were interrupted 300 times a second (involuntary switches)'] })
    expect(gradeNoise(before, after, [ran(...times(50))])).toEqual({ grade: 'A', reasons: [] })
  })

  it('takes the waiting of the boxes, where that is known, for the waiting of anybody', () => {
    const busy = { ...after, busyMs: 5_950, cpuWaitMs: 4_000 }

    expect(gradeNoise(before, busy, [ran(...times(50))]).reasons).toEqual(['processes waited for a free core 20 % of the time'])
    expect(gradeNoise({ ...before, boxWaitMs: 0 }, { ...busy, boxWaitMs: 10 }, [ran(...times(50))]).reasons).toEqual([])
    expect(gradeNoise({ ...before, boxWaitMs: 0 }, { ...busy, boxWaitMs: 520 }, [ran(...times(50))]).reasons).toEqual(['its programs waited for a free core 10 % of the time'])
  })
})
