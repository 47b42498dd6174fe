import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../../src/model/ids.ts'
import { isTaskEnd } from '../../../../src/model/states.ts'
import { Play, asked, exampleJob, startsIn, workerInfo } from '../fixtures.ts'
import { JOB, at, learn, reign, result, standby, task } from '../standby-play.ts'
import type { TaskEntry } from '../../../../src/roles/master/coordinator/state.ts'

describe('a task that ran twice', () => {
  const twice = (...order: string[]): TaskEntry => {
    const play = standby('a', 'b')

    learn(play, JOB, at('a'), at('b'))
    order.forEach(worker => result(play, worker))

    return task(play)
  }

  it('has the result with the lowest key, in whatever order they come, and keeps the other', () => {
    for (const entry of [twice('a', 'b'), twice('b', 'a')]) {
      expect(entry).toMatchObject({ state: 'done', worker: '12D3a' })
      expect([...entry.records.keys()].sort()).toEqual([at('a'), at('b')])
    }
  })

  it('rather has one that ran to its end than one that broke off', () => {
    const play = standby('a', 'b')

    learn(play, JOB, at('a'), at('b'))
    result(play, 'a', 'interrupted')
    result(play, 'b', 'failed')
    expect(task(play)).toMatchObject({ state: 'failed', worker: '12D3b' })
  })

  it('has not ended while it runs elsewhere', () => {
    const play = Play.with('a', 'b')

    play.accept(JOB)
    play.ready(JOB, 'any', '12D3b')
    play.started(JOB, 'any', '12D3b')
    play.step({ kind: 'assigned', key: parseExecutionId(at('a')) })
    result(play, 'a')
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3b' })
    result(play, 'b')
    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3a' })
  })

  it('ends by the record that is there when the other worker is lost', () => {
    const play = Play.with('a', 'b')

    play.accept(JOB)
    play.ready(JOB, 'any', '12D3b')
    play.started(JOB, 'any', '12D3b')
    result(play, 'a')
    play.step({ kind: 'worker-gone', worker: '12D3b' })

    for (let second = 0; second < 26; second++) {
      play.nowMs += 1_000
      play.step({ kind: 'tick' })
    }

    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3a' })
  })
})

describe('--retry-lost', () => {
  const job = exampleJob(1, { retryLostMs: 60_000 })
  const begun = (): Play => {
    const play = Play.with('a', 'b')

    play.accept(job)
    play.ready(job, 'any', '12D3a')
    play.started(job, 'any', '12D3a')

    return play
  }
  const pass = (play: Play, seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      play.nowMs += 1_000
      play.step({ kind: 'worker-state', worker: '12D3b', state: 'waiting', sinceMs: 0 })
      play.step({ kind: 'tick' })
    }
  }

  it('runs a task again elsewhere when its worker has been lost for so long, as another attempt', () => {
    const play = begun()

    play.step({ kind: 'worker-gone', worker: '12D3a' })
    pass(play, 59)
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3a', attempt: 0 })
    expect(task(play).reason).toMatch(/^nothing heard from a for 25 s: run again after /)
    pass(play, 1)
    expect(task(play)).toMatchObject({ state: 'reserving', attempt: 1 })
    expect(startsIn(play.step({ kind: 'answer', worker: '12D3b', execution: at('b', 1), reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } }))).toHaveLength(1)

    // the first comes back, and has finished: both are kept, one counts
    result(play, 'a')
    expect(isTaskEnd(task(play).state)).toBe(false)
    result(play, 'b', 'done', 1)
    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3a', attempt: 0 })
    expect(task(play).records.size).toBe(2)
  })

  it('does not when the worker comes back in time, nor when the second attempt has not begun by then', () => {
    const play = begun()

    play.step({ kind: 'worker-gone', worker: '12D3a' })
    pass(play, 60)
    play.step({ kind: 'worker-registered', info: workerInfo('a'), holds: [{ execution: at('a'), state: 'running' }], draining: false })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3a', attempt: 0 })
  })

  it('runs again at once what its worker records as interrupted, and without the option does not', () => {
    const play = begun()

    result(play, 'a', 'interrupted')
    expect(task(play)).toMatchObject({ attempt: 1 })
    expect(isTaskEnd(task(play).state)).toBe(false)

    const once = Play.with('a')
    once.accept(JOB)
    once.ready(JOB, 'any', '12D3a')
    result(once, 'a', 'interrupted')
    expect(task(once).state).toBe('interrupted')
  })

  it('gives up in the end with a program that takes down every machine', () => {
    const play = Play.with('a')

    play.accept(job)

    for (let attempt = 0; !isTaskEnd(task(play).state); attempt++) {
      expect(attempt).toBeLessThan(20)
      play.step({ kind: 'answer', worker: '12D3a', execution: at('a', attempt), reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } })
      result(play, 'a', 'interrupted', attempt)
    }

    expect(task(play).state).toBe('interrupted')
  })

  it('stands after a take-over where the records say', () => {
    const play = standby('a', 'b')

    learn(play, job, at('a'), at('b', 1))
    expect(asked(reign(play))).toEqual([{ job: job.id, worker: '12D3b' }])
    expect(task(play).attempt).toBe(1)
  })
})

describe('what no master can know any more', () => {
  it('ends as lost when its worker has run it and no longer has the record, until a master comes back that has it', () => {
    const play = standby('a')

    learn(play, JOB, at('a'))
    reign(play)
    play.step({ kind: 'answer', worker: '12D3a', execution: at('a'), reply: { kind: 'known', state: 'delivered' } })
    expect(task(play)).toMatchObject({ state: 'lost', reason: 'it has run, and the masters that had its record have lost it' })
    expect(play.state.jobs.get(JOB.id)!.finishedAtMs).toBeDefined()
    result(play, 'a')
    expect(task(play).state).toBe('done')
  })

  it('is called cancelled by all masters when the job was cancelled, whoever calls it ended and whenever the cancel comes', () => {
    const silent = standby('a')

    learn(silent, JOB, at('a'))
    reign(silent)
    silent.step({ kind: 'cancel', job: JOB.id })
    silent.step({ kind: 'worker-gone', worker: '12D3a' })

    for (let second = 0; second < 30; second++) {
      silent.nowMs += 1_000
      silent.step({ kind: 'tick' })
    }

    const late = standby('a')

    learn(late, JOB, at('a'))
    late.step({ kind: 'end', job: JOB.id, atMs: 7 })
    expect(task(late).state).toBe('lost')
    late.step({ kind: 'cancel', job: JOB.id })

    expect([task(silent).state, task(late).state]).toEqual(['cancelled', 'cancelled'])
  })

  it('goes by the other record of an execution when that is the one that is kept', () => {
    const play = standby('a')

    learn(play, JOB, at('a'))
    result(play, 'a', 'interrupted')
    expect(task(play).state).toBe('interrupted')
    result(play, 'a')
    expect(task(play).state).toBe('done')
    expect(task(play).records.size).toBe(1)
    expect(result(play, 'a')).toEqual([])
  })
})
