import { describe, expect, it } from 'vitest'
import { statisticsOf } from '../../src/report/statistics.ts'
import { around, finished } from './fixtures.ts'
import type { Sample } from '../../src/model/sample.ts'

function samples (runs: number[], change: Partial<Sample> = {}): Sample[] {
  return (finished([{ name: 'a', cpu: 'x', runs: [runs] }]).workers[0]?.result?.commands[0]?.samples ?? []).map(sample => ({ ...sample, ...change }))
}

describe('the statistics of a command on a worker', () => {
  it('are those of textbooks', () => {
    const [a, b, c, d] = samples([4, 1, 3, 2])

    Object.assign(a!, { minorFaults: 7, majorFaults: 1, voluntarySwitches: 9, involuntarySwitches: 3 })
    expect(statisticsOf([a!, b!, c!, d!], 1_000)).toMatchObject({
      runs: 4, min: 1e6, median: 2.5e6, mean: 2.5e6, mad: 1e6, max: 4e6, cpu: 2.3e6, memoryBytes: 1_000, minorFaults: 100, majorFaults: 0, voluntarySwitches: 1, involuntarySwitches: 0
    })
    expect(statisticsOf([a!, b!, c!, d!])?.deviation).toBeCloseTo(1e6 * Math.sqrt(5 / 3), 3)
    expect(statisticsOf([a!])).toMatchObject({ minorFaults: 7, majorFaults: 1, voluntarySwitches: 9, involuntarySwitches: 3 })
  })

  it('are none of no runs, and say nothing that too few runs cannot tell', () => {
    expect(statisticsOf([])).toBeUndefined()
    expect(statisticsOf(samples([40]))).toMatchObject({ runs: 1, min: 40e6, median: 40e6, max: 40e6, mad: 0 })
    expect(statisticsOf(samples([40]))).not.toHaveProperty('deviation')
    expect(statisticsOf(samples(around(40, 1, 5)))).not.toHaveProperty('interval')
    expect(statisticsOf(samples(around(40, 1, 6)))).toMatchObject({ interval: { median: 40e6 } })
    expect(statisticsOf(samples(around(40, 1, 19)))).not.toHaveProperty('p5')
    expect(statisticsOf(samples(around(40, 1, 19)))).not.toHaveProperty('p95')
    expect(statisticsOf(samples(around(50, 50, 21)))).toMatchObject({ p5: 5e6, p95: 95e6 })
  })

  it('have outliers, drift and autocorrelation', () => {
    const rising = statisticsOf(samples(Array.from({ length: 30 }, (_, i) => 100 + i)))
    const disturbed = statisticsOf(samples([...around(40, 1, 20), 90, ...around(40, 1, 20)]))

    expect(rising).toMatchObject({ outliers: 0, slowFirst: false, drift: { rho: 1, p: 0 } })
    expect(rising?.drift?.change).toBeCloseTo(29 / 114.5, 9)
    expect(rising?.autocorrelation).toBeGreaterThan(0.85)
    expect(disturbed).toMatchObject({ outliers: 1, slowFirst: false })
    expect(disturbed?.autocorrelation).toBeLessThan(0.1)
    expect(statisticsOf(samples([90, ...around(40, 1, 20)]))).toMatchObject({ outliers: 1, slowFirst: true })
    expect(statisticsOf(samples([4, ...around(40, 1, 20), 90]))).toMatchObject({ outliers: 2, slowFirst: false })
    expect(statisticsOf(samples([1, 2, 3, 4, 5]))).not.toHaveProperty('drift')
    expect(statisticsOf(samples([1, 2, 3, 4, 5]))).not.toHaveProperty('autocorrelation')
    expect(statisticsOf(samples([1, 2, 3, 4, 5, 6]))).toMatchObject({ drift: { rho: 1 } })
    expect(statisticsOf(samples([7]))).toMatchObject({ outliers: 0, slowFirst: false })
  })

  it('tell user from system time only from fifty ticks of the clock on', () => {
    expect(statisticsOf(samples([20, 20], { userNs: 70e6, systemNs: 29e6 }))).not.toHaveProperty('split')
    expect(statisticsOf(samples([20, 20], { userNs: 70e6, systemNs: 30e6 }))?.split).toEqual({ user: 70e6, system: 30e6 })
  })

  it('have the peaks of the runs where each has one, else that of all together', () => {
    const some = samples([1, 2, 3])

    Object.assign(some[0]!, { memoryBytes: 500 })
    Object.assign(some[1]!, { memoryBytes: 400 })
    expect(statisticsOf(some, 900)?.memoryBytes).toBe(900)
    expect(statisticsOf(some, 900)).not.toHaveProperty('memoryMost')
    expect(statisticsOf(some)).not.toHaveProperty('memoryBytes')
    Object.assign(some[2]!, { memoryBytes: 450 })
    expect(statisticsOf(some, 900)).toMatchObject({ memoryBytes: 450, memoryMost: 500 })
  })

  it('count how the runs ended', () => {
    const some = samples([1, 2, 3, 4])

    Object.assign(some[1]!, { exit: { kind: 'code', code: 3 } })
    Object.assign(some[2]!, { exit: { kind: 'signal', signal: 'SIGKILL' }, limit: 'wall' })
    expect(statisticsOf(some)?.exits).toEqual([{ how: '0', runs: 2 }, { how: '3', runs: 1 }, { how: 'SIGKILL (wall limit)', runs: 1 }])
  })

  it('have the median of a counter that every run has', () => {
    const some = samples([1, 2, 3])

    some.forEach((sample, run) => { sample.counters = { instructions: 10 * run, ...(run === 0 ? {} : { cycles: 5 }) } })
    expect(statisticsOf(some)?.counters).toEqual({ instructions: 10 })
    expect(statisticsOf(samples([1]))?.counters).toEqual({})
  })
})
