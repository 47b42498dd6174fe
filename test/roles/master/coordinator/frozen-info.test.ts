import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unmetDemand } from '../../../../src/machine/demands.ts'
import { frozenInfo } from '../../../../src/roles/master/coordinator/frozen-info.ts'
import { freezeTargets } from '../../../../src/roles/master/coordinator/targets.ts'
import { FULL_SANDBOX } from '../../../model/sandbox-facts.ts'
import * as arbitrary from '../../../node/protocol/arbitraries.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { SandboxFacts, WorkerInfo } from '../../../../src/model/machine.ts'

/** As a worker of today says it. */
const SANDBOX: SandboxFacts = { ...FULL_SANDBOX, canaries: Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`attempt number ${at}`, 'refused: EPERM'])) }
const FULL: WorkerInfo = workerInfo('lab-1', {
  peerId: `12D3KooW${'x'.repeat(44)}`,
  sandbox: SANDBOX,
  addresses: Array.from({ length: 4 }, (_, at) => `/ip4/192.168.100.${at}/tcp/47471/p2p/12D3KooW${'x'.repeat(44)}`),
  noise: { grade: 'B', reasons: ['other processes used 5 % of its cores while measuring'], at: 1 },
  tools: ['python', 'node', 'bash', 'perl', 'cc', 'gcc', 'g++', 'make'].map(name => ({ name, version: '12.2.0' }))
})

describe('what is kept of a worker with a job', () => {
  it('decides what all of it does', () => {
    fc.assert(fc.property(arbitrary.workerInfo, arbitrary.job, (info, job) => {
      expect(unmetDemand(frozenInfo(info, job), job)).toBe(unmetDemand(info, job))
    }))
  })

  it('is less than half of it, and one object for all jobs', () => {
    const kept = frozenInfo(FULL, {})

    expect(JSON.stringify(kept).length * 2).toBeLessThan(JSON.stringify(FULL).length)
    expect(kept).toMatchObject({ name: FULL.name, resources: FULL.resources, labels: FULL.labels, sandbox: { uidMode: 'two-uids', filterHash: SANDBOX.filterHash } })
    expect(frozenInfo(FULL, {})).toBe(kept)
    expect(frozenInfo(FULL, { variants: { program: 'app', choices: [] } }).tools).toEqual(FULL.tools)
  })

  it('is in the targets of a job for all, of a named one and of a map', () => {
    const play = new Play()

    play.register(FULL)

    for (const init of [{ placement: { on: 'all' as const, where: [] } }, { placement: { on: 'names' as const, names: ['lab-1'], where: [] } }, { placement: { on: 'all' as const, where: [] }, map: { lists: [{ where: [], entries: [{ command: 0 }] }] } }]) {
      expect(freezeTargets(play.state, exampleJob(1, init)).map(({ info }) => info)).toEqual([frozenInfo(FULL, {})])
    }
  })
})
