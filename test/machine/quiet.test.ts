import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otherLoad, parseBusy, wasQuiet } from '../../src/machine/quiet.ts'
import { QuietWatch } from '../../src/machine/quiet-watch.ts'
import type { LoadReading } from '../../src/machine/quiet.ts'

const before: LoadReading = { atMs: 1_000, cores: 4, busyMs: 50_000, ownMs: 700 }
const after = (change: Partial<LoadReading>): LoadReading => ({ ...before, atMs: 1_100, ...change })

describe('a quiet machine', () => {
  it('is one whose cores others leave alone but for a tick and a twentieth', () => {
    expect(wasQuiet(before, after({}))).toBe(true)
    expect(wasQuiet(before, after({ busyMs: 50_020 }))).toBe(true)
    expect(wasQuiet(before, after({ busyMs: 50_030 }))).toBe(false)
  })

  it('may be busy with the one that asks', () => {
    expect(wasQuiet(before, after({ busyMs: 50_100, ownMs: 795 }))).toBe(true)
  })

  it('is not told from a moment, from long ago, nor from other cores', () => {
    expect(wasQuiet(before, after({ atMs: 1_049 }))).toBeUndefined()
    expect(wasQuiet(before, after({ atMs: 4_000 }))).toBeUndefined()
    expect(wasQuiet(before, after({ cores: 2 }))).toBeUndefined()
  })

  it('has a share of other load from 0 to 1, whatever the counters say', () => {
    const counter = fc.double({ min: 0, max: 1e12, noNaN: true })
    const reading = fc.record({ atMs: counter, cores: fc.integer({ min: 1, max: 1_000 }), busyMs: counter, ownMs: counter })

    fc.assert(fc.property(reading, reading, (from, to) => {
      const share = otherLoad(from, to)

      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThanOrEqual(1)
    }))
    expect(otherLoad(before, after({ busyMs: 50_210 }))).toBeCloseTo(0.5)
  })
})

describe('the busy time of processors', () => {
  const stat = 'cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 1000 50 4 5 6 1 0\ncpu1 10 0 0 9 0 0 0 0 0 0\ncpu10 100 0 0 9 0 0 0 0 0 0\nintr 5\n'

  it('is counted without idling, waiting for disks and guests', () => {
    expect(parseBusy(stat)).toEqual({ cores: 3, busyMs: (21 + 10 + 100) * 10 })
  })

  it('is counted of those that matter', () => {
    expect(parseBusy(stat, [0, 10, 99])).toEqual({ cores: 2, busyMs: 1_210 })
    expect(parseBusy(stat, [7])).toBeUndefined()
    expect(parseBusy('')).toBeUndefined()
  })
})

describe('the wait for a quiet machine', () => {
  it('does not begin where there is no time for it', async () => {
    expect(await new QuietWatch().wait(0)).toBe(0)
  })

  it('does not begin for processors of which nothing is known', async () => {
    expect(await new QuietWatch([999_999]).wait(60_000)).toBe(0)
  })

  it.runIf(process.platform === 'linux')('ends with its signal', async () => {
    const stop = new AbortController()
    const waiting = new QuietWatch().wait(60_000, stop.signal)

    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})
