import '../../../src/node/polyfill.ts'
import { describe, expect, it } from 'vitest'
import { JobIndex } from '../../../src/roles/master/job-index.ts'
import { KnownJobs } from '../../../src/roles/master/known-jobs.ts'
import { Play, exampleJob, workerInfo } from './fixtures.ts'

const ALICE = { peerId: 'alice', admin: false }

/** What a master knows that has another one beside it; `looks` counts how often all of it was gone through. */
function known (): { play: Play, jobs: KnownJobs, looks: () => number } {
  const play = new Play()
  const index = new JobIndex()
  let looks = 0
  const latest = (): ReturnType<JobIndex['latest']> => {
    looks++

    return index.latest()
  }

  play.register(workerInfo('a'))

  return {
    play,
    looks: () => looks,
    jobs: new KnownJobs({
      coordinator: play,
      archive: { latest, entry: async () => undefined, missing: 0 },
      masters: { live: () => ['other'] },
      principalOf: peerId => peerId === 'page' ? 'alice' : peerId
    })
  }
}

describe('a job that is asked for', () => {
  it('is waited for when nothing fits, and looked for again when one has come', async () => {
    const { play, jobs, looks } = known()
    const found = jobs.find(exampleJob(1).id, ALICE)

    expect(looks()).toBe(1)
    play.accept(exampleJob(1))
    expect((await found).job.id).toBe(exampleJob(1).id)
    expect(looks()).toBe(2)
  })

  it('is not waited for when several fit, or when it is somebody else\'s', async () => {
    const { play, jobs, looks } = known()
    const others = exampleJob(1).id.slice(0, 10)

    play.accept(exampleJob(1, { id: `${others}AAAAAAAAAAAA5G5F01` }))
    play.accept(exampleJob(1, { id: `${others}BBBBBBBBBBBB5G5F01` }))
    await expect(jobs.find('5g5f01', ALICE)).rejects.toThrow(/fits 2 jobs/)
    await expect(jobs.find('AAAA5G5F01', { ...ALICE, peerId: 'bob' })).rejects.toThrow(/belongs to another client/)
    expect(looks()).toBe(2)
  })

  it('is a client\'s own on the pages that it has opened as well', async () => {
    const { play, jobs } = known()

    play.accept(exampleJob(1))
    expect((await jobs.find('@last', { ...ALICE, peerId: 'page' })).job.id).toBe(exampleJob(1).id)
    expect(['alice', 'page', 'bob'].map(peerId => jobs.isVisible('alice', { peerId, admin: false }))).toEqual([true, true, false])
    expect(jobs.isVisible('alice', { peerId: 'bob', admin: true })).toBe(true)
  })
})
