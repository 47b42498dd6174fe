import { describe, expect, it } from 'vitest'
import { executionId, parseExecutionId } from '../../../src/model/ids.ts'
import { isTaskEnd } from '../../../src/model/states.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { Play, asked, exampleJob, startsIn, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { Outcome } from '../../../src/model/result.ts'
import type { TaskEntry } from '../../../src/roles/master/coordinator/state.ts'

const JOB = exampleJob(1)

/** A standby that knows these workers. */
function standby (...names: string[]): Play {
  const play = new Play('standby')
  names.forEach(name => play.register(workerInfo(name)))

  return play
}

/** The facts of a job, as another master writes them. */
function learn (play: Play, job: Job, ...assigned: string[]): void {
  play.step({ kind: 'restore', job, acceptedAtMs: 5, targets: freezeTargets(play.state, job), ended: [], assigned: assigned.map(parseExecutionId), cancelled: false })
}

function task (play: Play, job = JOB, name = 'any'): TaskEntry {
  return play.state.jobs.get(job.id)!.tasks.get(name)!
}

function reign (play: Play) {
  return play.step({ kind: 'reign' })
}

/** Every worker says that nothing runs there. */
function allSpeak (play: Play) {
  return [...play.state.workers.keys()].flatMap(worker => play.step({ kind: 'worker-state', worker, state: 'waiting', sinceMs: 0 }))
}

function result (play: Play, worker: string, outcome: Outcome = 'done', attempt = 0) {
  return play.step({ kind: 'result', key: { job: JOB.id, task: 'any', worker: `12D3${worker}`, attempt }, outcome })
}

const at = (worker: string, attempt = 0): string => executionId({ job: JOB.id, task: 'any', worker: `12D3${worker}`, attempt })

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
