import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../src/model/ids.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { Play, asked, exampleJob, startsIn, workerInfo } from './fixtures.ts'
import { JOB, allSpeak, at, learn, reign, result, standby, task } from './standby-play.ts'

describe('taking over', () => {
  it('offers nothing before all connected workers have spoken', () => {
    const play = standby('a', 'b')

    learn(play, JOB)
    expect(reign(play)).not.toContainEqual(expect.objectContaining({ kind: 'ask' }))
    expect(asked(play.step({ kind: 'worker-state', worker: '12D3a', state: 'waiting', sinceMs: 0 }))).toEqual([])
    expect(asked(play.step({ kind: 'worker-state', worker: '12D3b', state: 'waiting', sinceMs: 0 }))).toHaveLength(2)
  })

  it('waits no longer than the settling time for one that says nothing, also when the clock is set back', () => {
    for (const passed of [500, -3_600_000]) {
      const play = new Play('standby')

      play.nowMs = 10_000_000
      play.register(workerInfo('a'))
      play.register(workerInfo('b'))
      learn(play, JOB)
      reign(play)
      play.nowMs += passed
      expect(asked(play.step({ kind: 'tick' }))).toHaveLength(2)
    }
  })

  it('offers nothing before it knows what the other masters know, for as long as that takes', () => {
    const play = standby('a', 'b')

    learn(play, JOB)
    play.step({ kind: 'reign', catchingUp: true })
    expect(asked(allSpeak(play))).toEqual([])
    play.nowMs += 20_000
    expect(asked(play.step({ kind: 'tick' }))).toEqual([])
    // what it had not heard of when the reign began
    expect(asked(play.step({ kind: 'assigned', key: parseExecutionId(at('b')) }))).toEqual([{ job: JOB.id, worker: '12D3b' }])
    expect(asked(play.step({ kind: 'caught-up' }))).toEqual([])
    play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'known', state: 'running' } })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3b' })
  })

  it('offers what nobody has assigned as soon as it knows that, and not in a later reign that still has to find out', () => {
    const play = standby('a')

    learn(play, JOB)
    play.step({ kind: 'reign', catchingUp: true })
    allSpeak(play)
    play.step({ kind: 'stand-down' })
    play.step({ kind: 'reign', catchingUp: true })
    expect(asked(allSpeak(play))).toEqual([])
    expect(asked(play.step({ kind: 'caught-up' }))).toEqual([{ job: JOB.id, worker: '12D3a' }])
  })

  it('asks at once those to whom something was assigned, and leaves to them what runs', () => {
    const play = standby('a', 'b')

    learn(play, JOB, at('b'))
    expect(asked(reign(play))).toEqual([{ job: JOB.id, worker: '12D3b' }])
    play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'known', state: 'running' } })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3b' })
    expect(startsIn(allSpeak(play))).toEqual([])
  })

  it('starts there what its START did not reach', () => {
    const play = standby('a', 'b')

    learn(play, JOB, at('b'))
    reign(play)
    expect(startsIn(play.ready(JOB, 'any', '12D3b'))).toEqual([{ workers: ['12D3b'], together: false }])
  })

  it('gives to another worker what its own has never heard of and is too busy for', () => {
    const play = standby('a', 'b')

    learn(play, JOB, at('b'))
    reign(play)
    allSpeak(play)
    expect(asked(play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'busy', reason: 'running' } }))).toEqual([{ job: JOB.id, worker: '12D3a' }])
  })

  it('believes nobody who was assigned the same before all of them have answered', () => {
    const play = standby('a', 'b', 'c')

    learn(play, JOB, at('a'), at('c'))
    expect(asked(reign(play)).map(({ worker }) => worker)).toEqual(['12D3a', '12D3c'])
    allSpeak(play)
    expect(startsIn(play.ready(JOB, 'any', '12D3a'))).toEqual([])
    expect(task(play)).toMatchObject({ state: 'starting', worker: '12D3c' })
    play.step({ kind: 'answer', worker: '12D3c', execution: at('c'), reply: { kind: 'known', state: 'running' } })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3c' })
  })

  it('asks again a worker that follows a later coordinator: it said nothing of the task', () => {
    const play = standby('a', 'b')

    learn(play, JOB, at('b'))
    reign(play)
    allSpeak(play)
    expect(asked(play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'stale', highest: { term: 9, master: 'm' } } }))).toEqual([])
    play.nowMs += 20_000
    expect(asked(play.step({ kind: 'worker-state', worker: '12D3a', state: 'waiting', sinceMs: 0 }))).toEqual([{ job: JOB.id, worker: '12D3b' }])
  })

  it('takes the word of a worker that holds what no journal here has assigned', () => {
    const running = standby('a')
    learn(running, JOB)
    reign(running)
    running.step({ kind: 'worker-state', worker: '12D3a', state: 'running', execution: at('a'), sinceMs: 0 })
    expect(task(running)).toMatchObject({ state: 'running', worker: '12D3a' })

    const finished = new Play()
    finished.register(workerInfo('b', { refusal: 'none' }))
    finished.step({ kind: 'restore', job: JOB, acceptedAtMs: 5, targets: [{ task: 'any' }], ended: [], assigned: [], cancelled: false })
    finished.step({ kind: 'worker-registered', info: workerInfo('a'), holds: [{ execution: at('a'), state: 'finished' }], draining: false })
    expect(task(finished)).toMatchObject({ state: 'starting', worker: '12D3a' })
    expect(startsIn(result(finished, 'a'))).toEqual([])
    expect(task(finished).state).toBe('done')
  })

  it('ends what its worker is never heard of again about', () => {
    const play = standby()

    play.step({ kind: 'restore', job: JOB, acceptedAtMs: 5, targets: [{ task: 'any' }], ended: [], assigned: [parseExecutionId(at('gone'))], cancelled: false })
    reign(play)

    for (let second = 0; second < 26; second++) {
      play.nowMs += 1_000
      play.step({ kind: 'tick' })
    }

    expect(task(play).state).toBe('lost')
  })
})

describe('standing down', () => {
  it('drops what was being arranged, tells nobody, and hears late answers no more', () => {
    const play = Play.with('a', 'b')

    play.accept(JOB)
    expect(play.step({ kind: 'stand-down' }).map(effect => effect.kind)).toEqual(['task-changed'])
    expect(task(play).state).toBe('queued')
    expect(play.ready(JOB, 'any', '12D3a')).toEqual([])
    expect(task(play).state).toBe('queued')
    expect(play.state.workers.get('12D3a')!.engaged.size).toBe(0)
  })

  it('remembers what it has started: it is asked, should this master reign again', () => {
    const play = Play.with('a', 'b')

    play.accept(JOB)
    play.ready(JOB, 'any', '12D3b')
    play.step({ kind: 'stand-down' })
    expect(task(play)).toMatchObject({ state: 'starting', worker: '12D3b' })
    expect(asked(reign(play))).toEqual([{ job: JOB.id, worker: '12D3b' }])
  })

  it('lets the next reign start its groups together again', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(2, { kind: 'run', placement: { on: 'all', where: [] } })

    play.accept(job)
    play.ready(job, '12D3a', '12D3a')
    play.step({ kind: 'stand-down' })
    reign(play)
    allSpeak(play)
    play.ready(job, '12D3a', '12D3a')
    expect(startsIn(play.ready(job, '12D3b', '12D3b'))).toEqual([{ workers: ['12D3a', '12D3b'], together: true }])
  })
})

describe('while this master reigns', () => {
  it('a job\'s records that come with the job count as any that come', () => {
    const play = standby('a', 'b')

    reign(play)
    learn(play, JOB, at('b'))
    result(play, 'b')
    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3b' })
    play.step({ kind: 'restore', job: JOB, acceptedAtMs: 5, targets: freezeTargets(play.state, JOB), ended: [{ key: parseExecutionId(at('a')), outcome: 'done' }], assigned: [], cancelled: false })
    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3a' })
  })

  it('says once of what has ended while it stood by that it has', () => {
    const play = standby('a')

    learn(play, JOB, at('a'))
    result(play, 'a')
    expect(reign(play)).toContainEqual({ kind: 'job-ended', job: JOB.id, atMs: play.nowMs })
    play.step({ kind: 'stand-down' })
    expect(reign(play).map(({ kind }) => kind)).not.toContain('job-ended')
  })

  it('another master\'s word that a job has ended waits until this one stands down', () => {
    const play = standby('a')

    reign(play)
    learn(play, JOB, at('a'))
    play.step({ kind: 'end', job: JOB.id, atMs: 7 })
    expect(task(play).state).toBe('starting')
    expect(play.step({ kind: 'stand-down' })).toContainEqual({ kind: 'job-ended', job: JOB.id, atMs: 7 })
    expect(task(play).state).toBe('lost')
  })
})
