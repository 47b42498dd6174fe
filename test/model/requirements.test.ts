import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { meaningOf, missingRequirements, REQUIREMENTS } from '../../src/model/requirements.ts'
import { sandbox } from '../node/protocol/arbitraries.ts'
import { FULL_SANDBOX } from './sandbox-facts.ts'
import type { SandboxFacts } from '../../src/model/machine.ts'

describe('what a job requires of a sandbox', () => {
  it('is there when the sandbox has everything', () => {
    expect(missingRequirements(FULL_SANDBOX, REQUIREMENTS)).toEqual([])
  })

  it.each<[Partial<SandboxFacts>, string[]]>([
    [{ uidMode: 'shared' }, ['two-uids']],
    [{ builder: 'unshare' }, ['bubblewrap']],
    [{ proc: false }, ['proc']],
    [{ caveats: ['swap is on'] }, ['no-caveats']],
    [{ methods: { ...FULL_SANDBOX.methods, cpu: 'rusage' } }, ['cgroup', 'cgroup-cpu']],
    [{ methods: { ...FULL_SANDBOX.methods, memory: 'adopted-maxrss' }, bounds: undefined }, ['cgroup', 'cgroup-memory']],
    [{ methods: { ...FULL_SANDBOX.methods, processes: 'rlimit' }, bounds: undefined }, ['cgroup-processes']],
    [{ bounds: { memory: false, processes: false } }, ['cgroup', 'cgroup-memory', 'cgroup-processes']]
  ])('is missing where the sandbox says %j', (change, missing) => {
    expect(missingRequirements({ ...FULL_SANDBOX, ...change }, REQUIREMENTS)).toEqual(missing)
  })

  it('is there when a cgroup bounds what it does not bill', () => {
    expect(missingRequirements({ ...FULL_SANDBOX, methods: { ...FULL_SANDBOX.methods, memory: 'adopted-maxrss' }, bounds: { memory: true, processes: true } }, ['cgroup', 'cgroup-memory'])).toEqual([])
  })

  it('is missing altogether where there is no sandbox', () => {
    expect(missingRequirements(undefined, REQUIREMENTS)).toEqual(REQUIREMENTS)
  })

  it('is never more than was asked for, in that order', () => {
    fc.assert(fc.property(sandbox, fc.shuffledSubarray(REQUIREMENTS), (facts, required) => {
      const missing = missingRequirements(facts, required)

      expect(required.filter(requirement => missing.includes(requirement))).toEqual(missing)
      expect(required.every(requirement => missing.includes(requirement) || missingRequirements(facts, [requirement]).length === 0)).toBe(true)
    }))
  })

  it('is told in a sentence', () => {
    expect(new Set(REQUIREMENTS.map(meaningOf)).size).toBe(REQUIREMENTS.length)
  })
})
