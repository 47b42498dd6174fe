import { describe, expect, it } from 'vitest'
import { WORKER_LOST_MS } from '../../../../src/model/states.ts'
import { DENIED_MS } from '../../../../src/roles/master/coordinator/denials.ts'
import { hindrancesOf } from '../../../../src/roles/master/coordinator/why.ts'
import { taskView } from '../../../../src/roles/master/views.ts'
import { asked, exampleJob, Play, startsIn } from '../fixtures.ts'
import type { Job } from '../../../../src/model/job.ts'
import type { CoordinatorEffect, TaskEntry } from '../../../../src/roles/master/coordinator/state.ts'

const SAYS = 'says that the job was cancelled, and no master knows of that'

function task (play: Play, job: Job, name = 'any'): TaskEntry {
  return play.state.jobs.get(job.id)!.tasks.get(name)!
}

/** The worker takes nothing of the job, and what it says proves nothing. */
function deny (play: Play, job: Job, worker: string, name = 'any'): CoordinatorEffect[] {
  return play.step({ kind: 'answer', worker: `12D3${worker}`, execution: play.execution(job, name, `12D3${worker}`), reply: { kind: 'refused', reason: 'the job is cancelled', cancel: { master: 'somebody' } } })
}

/** All are there for so long. */
function pass (play: Play, ms: number): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []

  for (const endMs = play.nowMs + ms; play.nowMs < endMs;) {
    play.nowMs += 1_000
    play.state.workers.forEach((_, worker) => { effects.push(...play.step({ kind: 'worker-state', worker, state: 'waiting', sinceMs: 0 })) })
    effects.push(...play.step({ kind: 'tick' }))
  }

  return effects
}

describe('a worker that takes a job for cancelled, of which no master knows', () => {
  it('ends what is for it alone, and nothing of others', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1, { kind: 'run', placement: { on: 'all', where: [] } })

    play.accept(job)
    deny(play, job, 'a', '12D3a')
    expect(task(play, job, '12D3a')).toMatchObject({ state: 'lost', reason: `a ${SAYS}` })
    expect(task(play, job, '12D3b').state).toBe('reserving')
    expect(play.state.jobs.get(job.id)).toMatchObject({ cancelled: false })

    play.ready(job, '12D3b', '12D3b')
    play.started(job, '12D3b', '12D3b')
    expect(play.done(job, '12D3b', '12D3b').map(({ kind }) => kind)).toContain('job-ended')
  })

  it('keeps nobody else from what anybody may do, and is not kept from other jobs', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1)

    play.accept(job)
    deny(play, job, 'a')
    expect(startsIn(play.ready(job, 'any', '12D3b'))).toEqual([{ workers: ['12D3b'], together: false }])

    const other = exampleJob(2)

    expect(asked(play.accept(other))).toEqual([{ job: other.id, worker: '12D3a' }])
  })

  it('is asked again after a while, and the others meanwhile', () => {
    const play = Play.with('a', 'b')
    const busy = exampleJob(0, { payload: undefined })
    const job = exampleJob(1)

    play.accept(busy)
    play.started(busy, 'any', '12D3a')
    play.accept(job)
    deny(play, job, 'b')
    expect(task(play, job).state).toBe('queued')
    expect(hindrancesOf(play.state, play.state.jobs.get(job.id)!, 'alice', play.nowMs)).toContainEqual({ reason: `${SAYS}: is asked again in 25 s`, workers: ['b'], count: 1 })
    expect(taskView(task(play, job), play.state.jobs.get(job.id)!, [], play.nowMs).reason).toBe(`b ${SAYS}, not on b for 25 s`)

    play.nowMs += DENIED_MS - 1
    expect(asked(play.step({ kind: 'alarm' }))).toEqual([])
    play.nowMs += 1
    expect(asked(play.step({ kind: 'alarm' }))).toEqual([{ job: job.id, worker: '12D3b' }])
    deny(play, job, 'b')
    expect(asked(play.done(busy, 'any', '12D3a'))).toEqual([{ job: job.id, worker: '12D3a' }])
  })

  it('answers once for all that was offered to it', () => {
    const play = Play.with('a')
    const job = exampleJob(1, { payload: undefined, each: { items: Array.from({ length: 500 }, (_, at) => String(at)) } })
    const [first, ...rest] = play.accept(job).flatMap(effect => effect.kind === 'start' ? effect.starts.flatMap(({ executions }) => executions) : [])
    const refused = { kind: 'refused' as const, reason: 'the job is cancelled', cancel: {} }
    const effects = play.step({ kind: 'outcomes', worker: '12D3a', outcomes: [first!, ...rest].map(execution => ({ execution, outcome: refused })) })

    expect(startsIn(effects)).toEqual([])
    expect(asked(effects)).toEqual([])
    expect([...play.state.jobs.get(job.id)!.tasks.values()].filter(({ state }) => state === 'queued')).toHaveLength(500)
  })

  it('leaves nothing waiting for ever where all who are there say so', () => {
    const play = Play.with('a', 'b', 'c')
    const job = exampleJob(1, { each: { items: ['x', 'y'] } })
    const hear = (effects: CoordinatorEffect[]): void => {
      const asks = effects.flatMap(effect => effect.kind === 'ask' ? [effect] : [])

      asks.forEach(({ worker, execution }) => { hear(play.step({ kind: 'answer', worker, execution, reply: { kind: 'refused', reason: 'the job is cancelled', cancel: {} } })) })
    }

    play.step({ kind: 'worker-gone', worker: '12D3c' })
    hear(play.accept(job))
    // others may not have found this coordinator yet
    expect(task(play, job, '1').state).toBe('queued')

    for (let second = 0; second < 3 * DENIED_MS / 1_000; second++) {
      play.nowMs += 1_000
      ;['12D3a', '12D3b'].forEach(worker => { hear(play.step({ kind: 'worker-state', worker, state: 'waiting', sinceMs: 0 })) })
      hear(play.step({ kind: 'tick' }))
    }

    expect(play.state.workers.get('12D3c')?.state).toBe('lost')
    expect(['1', '2'].map(name => task(play, job, name))).toEqual(Array.from({ length: 2 }, () => expect.objectContaining({ state: 'lost', reason: `everybody who could do it ${SAYS}` })))
    expect(play.state.jobs.get(job.id)?.finishedAtMs).toBeDefined()
  })

  it('waits for a worker that is there and has not said so', () => {
    const play = Play.with('a', 'b')
    const busy = exampleJob(0, { payload: undefined })
    const job = exampleJob(1)

    play.accept(busy)
    play.started(busy, 'any', '12D3a')
    pass(play, WORKER_LOST_MS)
    play.accept(job)
    deny(play, job, 'b')
    pass(play, 2_000)
    expect(task(play, job).state).toBe('queued')
  })

  it('ends as cancelled, as everything does, once the cancel is known', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1)

    play.accept(job)
    play.step({ kind: 'cancel', job: job.id })
    deny(play, job, 'a')
    expect(task(play, job)).toMatchObject({ state: 'cancelled', reason: undefined })
    expect(play.state.jobs.get(job.id)?.deniers).toBeUndefined()
  })
})
