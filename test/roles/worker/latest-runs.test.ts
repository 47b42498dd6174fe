import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_LATEST_RUNS } from '../../../src/model/sample.ts'
import { LatestRuns } from '../../../src/roles/worker/latest-runs.ts'

const run = (wallNs: number, command = 0): { command: number, wallNs: number, cpuNs: number } => ({ command, wallNs, cpuNs: wallNs / 2 })

describe('what is told of runs while others go on', () => {
  it('tells those of the last half second, and always the last one', () => {
    const runs = new LatestRuns()

    runs.add(run(10), 0)
    runs.add(run(20), 400)
    runs.add(run(60), 600)

    expect(runs.take(0, 3, 700)).toEqual({ medianNs: 20, latest: [{ wallNs: 20, cpuNs: 10 }, { wallNs: 60, cpuNs: 30 }] })
    expect(runs.take(0, 3, 60_000)).toEqual({ medianNs: 20, latest: [{ wallNs: 60, cpuNs: 30 }] })
  })

  it('keeps commands apart, and tells nothing of runs that have not all come', () => {
    const runs = new LatestRuns()

    runs.add(run(10, 0), 0)
    runs.add({ ...run(7, 1), memoryBytes: 99 }, 0)

    expect(runs.take(1, 1, 0)).toEqual({ medianNs: 7, latest: [{ wallNs: 7, cpuNs: 3.5, memoryBytes: 99 }] })
    expect(runs.take(1, 2, 0)).toEqual({})
    expect(runs.take(2, 0, 0)).toEqual({})
  })

  it('is bounded, and ends with the last run, whatever comes', () => {
    fc.assert(fc.property(fc.array(fc.record({ wallNs: fc.nat(), afterMs: fc.nat(300) }), { minLength: 1, maxLength: 200 }), all => {
      const runs = new LatestRuns()
      let nowMs = 0

      for (const { wallNs, afterMs } of all) {
        nowMs += afterMs
        runs.add(run(wallNs), nowMs)
      }

      const { latest = [] } = runs.take(0, all.length, nowMs)

      expect(latest.length).toBeGreaterThan(0)
      expect(latest.length).toBeLessThanOrEqual(MAX_LATEST_RUNS)
      expect(latest.map(({ wallNs }) => wallNs)).toEqual(all.slice(-latest.length).map(({ wallNs }) => wallNs))
    }))
  })
})
