import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS, describeLimit, effectiveLimits, LIMIT_KEYS, LIMIT_NAMES, LIMIT_RULES } from '../../src/model/limits.ts'
import { someLimits } from '../node/protocol/arbitraries.ts'
import type { SomeLimits } from '../../src/model/limits.ts'

const GiB = 1024 ** 3

describe('the limits of a job on a worker', () => {
  it('are the defaults when neither asks for anything', () => {
    expect(effectiveLimits({})).toEqual({ limits: DEFAULT_LIMITS })
  })

  it('are what the job asks for where the worker allows it', () => {
    expect(effectiveLimits({ memoryBytes: GiB, cpuMs: 500 }, { memoryBytes: GiB })).toEqual({ limits: { ...DEFAULT_LIMITS, memoryBytes: GiB, cpuMs: 500 } })
  })

  it('are lowered to the ceiling when the job merely has the default, also where there is none', () => {
    expect(effectiveLimits({}, { memoryBytes: GiB, cpuMs: 1_000 })).toEqual({ limits: { ...DEFAULT_LIMITS, memoryBytes: GiB, cpuMs: 1_000 } })
  })

  it('are never raised to the ceiling', () => {
    expect(effectiveLimits({}, { memoryBytes: 100 * GiB })).toEqual({ limits: DEFAULT_LIMITS })
  })

  it('are refused when the job asks for more, naming the limit, what is asked for and what is allowed', () => {
    expect(effectiveLimits({ memoryBytes: 8 * GiB, wallMs: 60_000, processes: 10 }, { memoryBytes: 2 * GiB, wallMs: 30_000, processes: 20 }))
      .toEqual({ refusal: '1 min of wall time is asked for and it allows 30 s, 8.0 GB of memory is asked for and it allows 2.0 GB' })
  })

  it('never exceed a ceiling nor what was asked for, and are refused for no other reason', () => {
    fc.assert(fc.property(someLimits, someLimits, (asked, ceilings) => {
      const effective = effectiveLimits(asked, ceilings)
      const exceeds = LIMIT_KEYS.some(key => (asked[key] ?? 0) > (ceilings[key] ?? Infinity))

      expect('refusal' in effective).toBe(exceeds)

      if ('limits' in effective) {
        for (const key of LIMIT_KEYS) {
          const value = effective.limits[key]

          expect(value ?? 0).toBeLessThanOrEqual(ceilings[key] ?? Infinity)
          expect(value).toBe(asked[key] ?? smaller(key, ceilings))
        }
      }
    }))
  })
})

describe('each limit', () => {
  it('has an outcome of its own, described with its value', () => {
    const texts = LIMIT_NAMES.map(name => describeLimit(name, { ...DEFAULT_LIMITS, cpuMs: 1_500 }))

    expect(LIMIT_KEYS.map(key => LIMIT_RULES[key].name)).toEqual(LIMIT_NAMES)
    expect(texts).toEqual([
      'wall limit of 1 h', 'CPU limit of 1.5 s', 'memory limit of 4.0 GB', 'limit of 512 processes and threads', 'output limit of 16.0 MB',
      'file limit of 1.0 GB', 'limit of 1.0 GB for temporary files', 'limit of 100000 temporary files', 'limit of 1024 open files'
    ])
  })

  it('has a default that may be asked for', () => {
    for (const key of LIMIT_KEYS) {
      const { min, max } = LIMIT_RULES[key]
      const value = DEFAULT_LIMITS[key] ?? min

      expect(value).toBeGreaterThanOrEqual(min)
      expect(value).toBeLessThanOrEqual(max)
    }
  })
})

function smaller (key: keyof SomeLimits, ceilings: SomeLimits): number | undefined {
  const value = Math.min(DEFAULT_LIMITS[key] ?? Infinity, ceilings[key] ?? Infinity)

  return value === Infinity ? undefined : value
}
