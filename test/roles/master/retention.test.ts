import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseExpired } from '../../../src/roles/master/retention.ts'
import type { FinishedJob } from '../../../src/roles/master/retention.ts'

const NOW = 1_000

function job (id: string, ageMs: number, bytes = 0): FinishedJob {
  return { id, finishedAtMs: NOW - ageMs, bytes }
}

describe('which finished jobs go', () => {
  it('none without a limit', () => {
    expect(chooseExpired([job('a', 900, 1e12)], {}, NOW)).toEqual([])
  })

  it('those that ended longer ago than is wanted, the oldest first', () => {
    expect(chooseExpired([job('a', 100), job('b', 201), job('c', 200), job('d', 500)], { ageMs: 200 }, NOW)).toEqual(['d', 'b'])
  })

  it('the oldest, until the others fit', () => {
    const jobs = [job('new', 1, 50), job('old', 9, 50), job('middle', 5, 50)]

    expect(chooseExpired(jobs, { bytes: 150 }, NOW)).toEqual([])
    expect(chooseExpired(jobs, { bytes: 149 }, NOW)).toEqual(['old'])
    expect(chooseExpired(jobs, { bytes: 60 }, NOW)).toEqual(['old', 'middle'])
    expect(chooseExpired(jobs, { bytes: 0 }, NOW)).toEqual(['old', 'middle', 'new'])
  })

  it('by both limits', () => {
    expect(chooseExpired([job('a', 300, 1), job('b', 100, 60), job('c', 50, 60)], { ageMs: 200, bytes: 100 }, NOW)).toEqual(['a', 'b'])
  })

  it('exactly those that are too old, and no more of the others than their size asks for', () => {
    const jobs = fc.uniqueArray(fc.record({ id: fc.string({ minLength: 1, maxLength: 4 }), finishedAtMs: fc.integer({ min: 0, max: NOW }), bytes: fc.integer({ min: 1, max: 100 }) }), { selector: ({ id }) => id })

    fc.assert(fc.property(jobs, fc.integer({ min: 0, max: NOW }), fc.integer({ min: 0, max: 500 }), (jobs, ageMs, bytes) => {
      const expired = chooseExpired(jobs, { ageMs, bytes }, NOW)
      const kept = jobs.filter(({ id }) => !expired.includes(id))
      const size = kept.reduce((sum, job) => sum + job.bytes, 0)
      const last = jobs.find(({ id }) => id === expired.at(-1))

      expect(new Set(expired).size).toBe(expired.length)
      expect(size).toBeLessThanOrEqual(bytes)
      expect(kept.every(({ finishedAtMs }) => NOW - finishedAtMs <= ageMs)).toBe(true)

      if (last != null && NOW - last.finishedAtMs <= ageMs) {
        expect(size + last.bytes).toBeGreaterThan(bytes)
      }
    }))
  })
})
