import { describe, expect, it } from 'vitest'
import { hindrancesOf } from '../../../../src/roles/master/coordinator/why.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { Job } from '../../../../src/model/job.ts'

function why (play: Play, job: Job): Array<[string, string]> {
  return hindrancesOf(play.state, play.state.jobs.get(job.id)!, job.client, play.nowMs).map(({ workers, reason }) => [workers.join(), reason])
}

describe('why a task does not start', () => {
  it('is said of each worker', () => {
    const play = Play.with('mine', 'theirs', 'drained', 'away')
    const own = exampleJob(1, { payload: undefined, placement: { on: 'names', names: ['mine'], where: [] } })

    play.accept(own)
    play.accept(exampleJob(2, { payload: undefined, client: 'bob', placement: { on: 'names', names: ['theirs'], where: [] } }))
    play.step({ kind: 'drain', worker: '12D3drained', drain: true })
    play.step({ kind: 'worker-gone', worker: '12D3away' })
    play.register(workerInfo('weak', { ceilings: { memoryBytes: 2 ** 20 } }))
    play.register(workerInfo('boxless', { refusal: 'no user namespaces' }))

    const job = exampleJob(3, { payload: undefined, limits: { memoryBytes: 2 ** 30 } })

    play.accept(job)
    expect(why(play, job)).toEqual([
      ['mine', `busy with job ${own.id.slice(-8).toLowerCase()}`],
      ['theirs', 'busy with somebody else\'s job'],
      ['drained', 'draining'],
      ['away', 'nothing is heard from it'],
      ['weak', expect.stringContaining('memory')],
      ['boxless', 'no user namespaces']
    ])
  })

  it('names those that keep another task of the job from a worker, and the pause before a restart', () => {
    const play = Play.with('a', 'b')
    play.accept(exampleJob(0, { payload: undefined }))

    const some = exampleJob(1, { payload: undefined, placement: { on: 'some', count: 2, where: [] } })

    play.accept(some)
    expect(why(play, some)).toEqual([['a', expect.stringMatching(/^busy with job /)], ['b', 'has another task of this job']])

    const named = exampleJob(2, { payload: undefined, placement: { on: 'names', names: ['a'], where: [] }, retry: { when: 'on-failure', max: 2, backoffMs: 4_000, maxBackoffMs: 9_000 } })

    play.done(exampleJob(0), 'any', '12D3a')
    play.done(some, '2', '12D3a')
    play.accept(named)
    play.step({ kind: 'result', key: { job: named.id, task: '12D3a', worker: '12D3a', attempt: 0 }, outcome: 'failed', how: 'exit 1' })
    play.nowMs += 1_000
    expect(why(play, named)).toEqual([['a', expect.stringMatching(/^failed \(exit 1\): restart 1 of 2, in 3 s$/)]])
  })

  it('is grouped and bounded, however many workers there are', () => {
    const play = new Play()
    const job = exampleJob(1, { payload: undefined })

    for (let at = 0; at < 1_000; at++) {
      play.register(workerInfo(`w${at}`))
    }

    for (let at = 0; at < 1_000; at++) {
      play.accept(exampleJob(at % 100, { id: `01ARZ3NDEKTSV4RRFFQ6${String(at).padStart(6, '0')}`, payload: undefined, client: 'bob' }))
    }

    play.accept(job)
    expect(hindrancesOf(play.state, play.state.jobs.get(job.id)!, 'alice', play.nowMs)).toEqual([{ reason: 'busy with somebody else\'s job', workers: expect.objectContaining({ length: 10 }), count: 1_000 }])
    expect(hindrancesOf(play.state, play.state.jobs.get(job.id)!, 'bob', play.nowMs).length).toBeLessThanOrEqual(64)
  })

  it('is nothing when nothing waits', () => {
    const play = Play.with('a')
    const job = exampleJob(1, { payload: undefined })

    play.accept(job)
    expect(why(play, job)).toEqual([])
  })
})
