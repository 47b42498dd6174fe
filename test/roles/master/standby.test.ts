import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../src/model/ids.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { asked, startsIn, workerInfo } from './fixtures.ts'
import { JOB, allSpeak, at, learn, reign, result, standby, task } from './standby-play.ts'

describe('a standby', () => {
  it('follows a job from its acceptance to its end without a word to anybody', () => {
    const play = standby('a', 'b')

    learn(play, JOB)
    expect(task(play).state).toBe('queued')
    play.step({ kind: 'assigned', key: parseExecutionId(at('b')) })
    expect(task(play)).toMatchObject({ state: 'starting', worker: '12D3b' })
    play.step({ kind: 'worker-state', worker: '12D3b', state: 'running', execution: at('b'), sinceMs: 0 })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3b' })
    expect(result(play, 'b').map(effect => effect.kind)).toEqual(['task-changed', 'job-ended'])
    expect(task(play).state).toBe('done')
  })

  it('asks whoever brings the record of what it was never told of, once it coordinates, and gives it to nobody else', () => {
    const play = standby('a', 'b')

    learn(play, JOB)
    play.step({ kind: 'worker-holds', worker: '12D3b', execution: at('b') })
    expect(task(play).records.size).toBe(0)

    const said = [...reign(play), ...allSpeak(play)]
    expect(asked(said)).toEqual([{ job: JOB.id, worker: '12D3b' }])
    expect(startsIn(said)).toEqual([])
    expect(startsIn(play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'known', state: 'finished' } }))).toEqual([])
    expect(result(play, 'b').map(effect => effect.kind)).toContain('job-ended')
    expect(task(play)).toMatchObject({ state: 'done', worker: '12D3b' })
  })

  it('asks whom another coordinator gave it to, when it has not begun where it gave it itself', () => {
    const play = standby('a', 'b')

    play.step({ kind: 'drain', worker: '12D3b', drain: true })
    learn(play, JOB)
    expect(asked([...reign(play), ...allSpeak(play)])).toEqual([{ job: JOB.id, worker: '12D3a' }])
    expect(startsIn(play.ready(JOB, 'any', '12D3a'))).toEqual([{ workers: ['12D3a'], together: false }])

    // from the other side of a partition that has ended
    expect(play.step({ kind: 'assigned', key: parseExecutionId(at('b')) })).toEqual([])
    const said = play.step({ kind: 'outcomes', worker: '12D3a', outcomes: [{ execution: at('a'), outcome: { kind: 'busy', reason: 'full' } }] })

    expect(startsIn(said)).toEqual([])
    expect(asked(said)).toEqual([{ job: JOB.id, worker: '12D3b' }])
    play.step({ kind: 'answer', worker: '12D3b', execution: at('b'), reply: { kind: 'known', state: 'running' } })
    expect(task(play)).toMatchObject({ state: 'running', worker: '12D3b' })
  })

  it('believes nobody who brings a record of what it has not given out, once it knows what the others know', () => {
    const play = standby('a', 'b')

    learn(play, JOB)
    ;['a', 'b'].forEach(name => play.step({ kind: 'drain', worker: `12D3${name}`, drain: true }))
    reign(play)
    allSpeak(play)
    play.step({ kind: 'worker-holds', worker: '12D3b', execution: at('b') })
    expect(task(play)).toMatchObject({ state: 'queued', worker: undefined })
  })

  it('accepts a job that it has heard of for the workers that it sees itself as well', () => {
    const all = { ...JOB, placement: { on: 'all' as const, where: [] } }
    const play = standby('a')

    learn(play, all)
    play.register(workerInfo('b'))
    play.step({ kind: 'accept', job: all, acceptedAtMs: 6, targets: freezeTargets(play.state, all) })
    expect([...play.state.jobs.get(all.id)!.tasks.keys()]).toEqual(['12D3a', '12D3b'])
  })

  it('does not judge who is silent: only the coordinator calls a task lost, and its word ends the job here too', () => {
    const play = standby('a')

    learn(play, JOB, at('a'))
    play.step({ kind: 'worker-gone', worker: '12D3a' })

    for (let second = 0; second < 100; second++) {
      play.nowMs += 1_000
      play.step({ kind: 'tick' })
    }

    expect(task(play).state).toBe('starting')
    expect(play.step({ kind: 'end', job: JOB.id, atMs: 7 })).toContainEqual({ kind: 'job-ended', job: JOB.id, atMs: 7 })
    expect(task(play).state).toBe('lost')
    expect(play.state.jobs.get(JOB.id)!.finishedAtMs).toBe(7)
    result(play, 'a')
    expect(task(play).state).toBe('done')
  })

  it('takes a cancel that comes after the job, and is told of one it knew with the job', () => {
    const play = standby('a')

    learn(play, JOB, at('a'))
    play.step({ kind: 'cancel', job: JOB.id })
    expect(task(play).state).toBe('cancelling')
    expect(reign(play)).toContainEqual({ kind: 'cancel-on', worker: '12D3a', job: JOB.id })
    play.step({ kind: 'cancel-answered', job: JOB.id, worker: '12D3a' })
    expect(task(play).state).toBe('cancelled')
  })

  it('forgets what was pruned', () => {
    const play = standby('a')

    learn(play, JOB)
    expect(play.step({ kind: 'forget', job: JOB.id })).toEqual([{ kind: 'job-forgotten', job: JOB }])
    expect(play.state.jobs.size).toBe(0)
  })
})
