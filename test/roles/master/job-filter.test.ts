import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobFilter } from '../../../src/roles/master/job-filter.ts'
import type { FilteredJob } from '../../../src/roles/master/job-filter.ts'

const JOB: FilteredJob = { name: 'nightly-42', kind: 'run', state: 'finished', acceptedAtMs: 5_000, failed: false }

describe('the filter of a list of jobs', () => {
  it('takes everything when nothing is asked for', () => {
    expect(jobFilter({}, 10_000)(JOB)).toBe(true)
  })

  it.each([
    [{ state: 'finished' as const }, true],
    [{ state: 'running' as const }, false],
    [{ jobKind: 'run' as const }, true],
    [{ jobKind: 'exec' as const }, false],
    [{ withinMs: 5_000 }, true],
    [{ withinMs: 4_999 }, false],
    [{ failed: true }, false],
    [{ name: 'nightly-42' }, true],
    [{ name: 'nightly' }, false],
    [{ name: 'nightly-*' }, true],
    [{ name: '*-4*2' }, true],
    [{ name: '*-42*42' }, false],
    [{ state: 'finished' as const, name: 'x*' }, false]
  ])('%j', (filter, isWanted) => {
    expect(jobFilter(filter, 10_000)(JOB)).toBe(isWanted)
  })

  it('finds no name where there is none', () => {
    expect(jobFilter({ name: '*' }, 0)({ ...JOB, name: undefined })).toBe(false)
  })

  it('takes * for any characters, and every other character for itself', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '[', '\\'), maxLength: 8 })

    fc.assert(fc.property(part, part, (pattern, name) => {
      const expected = new RegExp(`^${pattern.split('*').map(text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's').test(name)

      expect(jobFilter({ name: pattern }, 0)({ ...JOB, name })).toBe(expected)
    }))
  })
})
