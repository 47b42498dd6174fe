import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { meaningOf, missingRequirements, REQUIREMENTS } from '../../src/model/requirements.ts'
import { sandbox } from '../node/protocol/arbitraries.ts'
import type { SandboxFacts } from '../../src/model/machine.ts'

const FULL: SandboxFacts = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
  filterHash: '0'.repeat(64),
  uidMode: 'two-uids',
  cgroup: 'v1',
  methods: { cpu: 'cgroup-v1', memory: 'cgroup-v1-peak', processes: 'cgroup-v1' },
  proc: true,
  kernel: '6.1.0',
  canaries: {},
  caveats: []
}

describe('what a job requires of a sandbox', () => {
  it('is there when the sandbox has everything', () => {
    expect(missingRequirements(FULL, REQUIREMENTS)).toEqual([])
  })

  it.each<[Partial<SandboxFacts>, string[]]>([
    [{ uidMode: 'shared' }, ['two-uids']],
    [{ builder: 'unshare' }, ['bubblewrap']],
    [{ proc: false }, ['proc']],
    [{ caveats: ['swap is on'] }, ['no-caveats']],
    [{ methods: { ...FULL.methods, cpu: 'rusage' } }, ['cgroup', 'cgroup-cpu']],
    [{ methods: { ...FULL.methods, memory: 'adopted-maxrss' } }, ['cgroup', 'cgroup-memory']],
    [{ methods: { ...FULL.methods, processes: 'rlimit' } }, ['cgroup-processes']],
    [{ bounds: { memory: false, processes: false } }, ['cgroup', 'cgroup-memory', 'cgroup-processes']]
  ])('is missing where the sandbox says %j', (change, missing) => {
    expect(missingRequirements({ ...FULL, ...change }, REQUIREMENTS)).toEqual(missing)
  })

  it('is there when a cgroup bounds what it does not bill', () => {
    expect(missingRequirements({ ...FULL, methods: { ...FULL.methods, memory: 'adopted-maxrss' }, bounds: { memory: true, processes: true } }, ['cgroup', 'cgroup-memory'])).toEqual([])
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
