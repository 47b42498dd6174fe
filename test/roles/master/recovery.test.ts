import { beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../../src/model/limits.ts'
import { emptyCoordinator } from '../../../src/roles/master/coordinator/state.ts'
import { stepCoordinator } from '../../../src/roles/master/coordinator/step.ts'
import { isCancelPending } from '../../../src/roles/master/coordinator/tasks.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { jobView } from '../../../src/roles/master/views.ts'
import type { Job } from '../../../src/model/job.ts'
import type { WorkerInfo } from '../../../src/model/machine.ts'
import type { TaskState } from '../../../src/model/states.ts'
import type { Held } from '../../../src/node/protocol/register/messages.ts'
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorState, OneAnswer, TaskEntry } from '../../../src/roles/master/coordinator/state.ts'

type Timeless<E> = E extends unknown ? Omit<E, 'nowMs'> : never

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const READY: OneAnswer = { kind: 'ready', leaseMs: 5_000, hasPayload: false }

let state: CoordinatorState
let nowMs: number

beforeEach(() => {
  state = emptyCoordinator()
  nowMs = 1_700_000_000_000
  step({ kind: 'reign' })
})

function info (peerId: string): WorkerInfo {
  return {
    peerId,
    name: peerId,
    resources: { machineId: peerId, platform: 'linux', arch: 'x64', cpuModel: 'cpu', cores: 1, memoryBytes: 1, kernel: '6', os: 'os', nodeVersion: '20' },
    labels: {}
  }
}

function job (on: 'any' | 'all', payload = true): Job {
  return {
    id: JOB,
    client: 'client',
    kind: on === 'any' ? 'exec' : 'run',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    payload: payload ? { id: 'aa', files: [], chunkSize: 1, chunks: [] } : undefined,
    env: {},
    limits: DEFAULT_LIMITS,
    placement: { on, where: [] },
    plan: { kind: 'once' },
    submittedAt: 0
  }
}

function step (event: Timeless<CoordinatorEvent>): CoordinatorEffect[] {
  return stepCoordinator(state, { ...event, nowMs } as CoordinatorEvent)
}

function register (worker: string, holds: Held[] = []): CoordinatorEffect[] {
  return step({ kind: 'worker-registered', info: info(worker), holds, draining: false })
}

function accept (accepted: Job): CoordinatorEffect[] {
  return step({ kind: 'accept', job: accepted, acceptedAtMs: nowMs, targets: freezeTargets(state, accepted) })
}

function answer (worker: string, reply: OneAnswer, name = 'any'): CoordinatorEffect[] {
  return step({ kind: 'answer', worker, execution: execution(worker, name), reply })
}

function started (worker: string, name = 'any'): CoordinatorEffect[] {
  return step({ kind: 'outcomes', worker, outcomes: [{ execution: execution(worker, name), outcome: { kind: 'started' } }] })
}

function execution (worker: string, name = 'any'): string {
  return `${JOB}/${name}/${worker}/0`
}

function task (name = 'any'): TaskEntry {
  return state.jobs.get(JOB)!.tasks.get(name)!
}

function rollbacks (effects: CoordinatorEffect[]): string[] {
  return effects.flatMap(effect => effect.kind === 'rollback' ? [effect.worker] : [])
}

describe('a place that is no longer needed', () => {
  it('is given back when its worker registers anew or goes while the payload is on its way', () => {
    register('w1')
    accept(job('any'))
    answer('w1', READY)
    expect(task().state).toBe<TaskState>('sending')

    expect(rollbacks(register('w1'))).toEqual(['w1'])

    answer('w1', READY)
    expect(task().state).toBe<TaskState>('sending')
    expect(rollbacks(step({ kind: 'worker-gone', worker: 'w1' }))).toEqual(['w1'])
    expect(task()).toMatchObject({ state: 'queued', worker: undefined })
  })

  it('is given back when the worker gives up the lease, and when it has been silent for too long', () => {
    register('w1')
    accept(job('all'))
    answer('w1', READY, 'w1')
    expect(rollbacks(answer('w1', { kind: 'refused', reason: 'the reservation has ended' }, 'w1'))).toEqual(['w1'])

    nowMs += 1_000
    step({ kind: 'worker-state', worker: 'w1', state: 'waiting', sinceMs: 0 })
    answer('w1', READY, 'w1')
    expect(task('w1').state).toBe<TaskState>('sending')

    const silent: CoordinatorEffect[] = []

    for (let second = 0; second < 26; second++) {
      nowMs += 1_000
      silent.push(...step({ kind: 'tick' }))
    }

    expect(task('w1').state).toBe<TaskState>('lost')
    expect(rollbacks(silent)).toEqual(['w1'])
  })

  it('stays with those that were asked as well when one of them goes', () => {
    register('w1')
    register('w2')
    accept(job('any'))
    expect([...task().asked]).toEqual(['w1', 'w2'])

    expect(rollbacks(step({ kind: 'worker-gone', worker: 'w1' }))).toEqual([])
    expect(task().state).toBe<TaskState>('reserving')

    answer('w2', READY)
    expect(task()).toMatchObject({ state: 'sending', worker: 'w2' })
  })
})

describe('a task that has moved on', () => {
  beforeEach(() => {
    register('w1')
    accept(job('any'))
    answer('w1', READY)
    register('w2')
    step({ kind: 'worker-gone', worker: 'w1' })
    answer('w2', READY)
    expect(task()).toMatchObject({ state: 'sending', worker: 'w2' })
  })

  it('hears nothing of the transfer to the worker before', () => {
    step({ kind: 'payload-sent', execution: execution('w1') })
    expect(task()).toMatchObject({ state: 'sending', worker: 'w2', prepared: false })

    step({ kind: 'payload-failed', execution: execution('w1'), reason: 'broken', refused: false })
    expect(task()).toMatchObject({ state: 'sending', worker: 'w2' })
  })

  it('is lost when its files have been at no master for a minute, and waits while one may come back with them', () => {
    const fail = (isGone: boolean): void => {
      step({ kind: 'payload-failed', execution: execution('w2'), reason: 'no files', refused: false, isGone })
    }
    const tryAgain = (): void => {
      for (let second = 0; second < 30; second++) {
        nowMs += 1_000
        step({ kind: 'worker-state', worker: 'w2', state: 'waiting', sinceMs: 0 })
      }

      answer('w2', READY)
      expect(task()).toMatchObject({ state: 'sending', worker: 'w2' })
    }

    // without a pause, one that is out of reach begins the minute anew
    for (const isGone of [true, true, false, true, true]) {
      fail(isGone)
      expect(task()).toMatchObject({ state: 'queued', reason: 'no files' })
      tryAgain()
    }

    fail(true)
    expect(task()).toMatchObject({ state: 'lost', reason: 'no files: submit it again' })
    expect(state.jobs.get(JOB)!.finishedAtMs).toBe(nowMs)
  })

  it('cannot be taken by a worker that says it ran there', () => {
    answer('w1', { kind: 'known', state: 'running' })
    expect(task()).toMatchObject({ state: 'sending', worker: 'w2' })

    step({ kind: 'payload-sent', execution: execution('w2') })
    started('w2')
    answer('w1', { kind: 'known', state: 'finished' })
    expect(task()).toMatchObject({ state: 'running', worker: 'w2' })
  })
})

describe('a task of one worker', () => {
  it('is not taken away by another one that says it has it', () => {
    register('w1')
    register('w2')
    accept(job('all'))
    answer('w1', READY, 'w1')
    expect(task('w1')).toMatchObject({ state: 'sending', worker: 'w1' })

    const lie = `${JOB}/w1/w2/0`

    expect(rollbacks(register('w2', [{ execution: lie, state: 'running' }]))).not.toContain('w1')
    step({ kind: 'worker-state', worker: 'w2', state: 'running', execution: lie, sinceMs: 0 })
    expect(task('w1')).toMatchObject({ state: 'sending', worker: 'w1' })
  })

  it('has no attempt that was never given out', () => {
    register('w1')
    accept(job('any', false))
    step({ kind: 'worker-state', worker: 'w1', state: 'running', execution: `${JOB}/any/w1/999999999`, sinceMs: 0 })
    expect(task().attempt).toBe(0)
  })
})

describe('a START of which nothing was heard', () => {
  beforeEach(() => {
    register('w1')
    register('w2')
    accept(job('any', false))
    answer('w1', READY)
    expect(task()).toMatchObject({ state: 'starting', prepared: false, worker: 'w1' })
  })

  it('is asked of its own worker when that registers without it: the START may be behind the registration', () => {
    const asked = register('w1').flatMap(effect => effect.kind === 'ask' ? [effect.worker] : [])

    expect(asked).toEqual(['w1'])
    expect(task()).toMatchObject({ state: 'starting', worker: 'w1' })

    answer('w1', { kind: 'known', state: 'running' })
    expect(task()).toMatchObject({ state: 'running', worker: 'w1' })
  })

  it('does not end a cancelled task: only the worker can say that nothing runs', () => {
    step({ kind: 'cancel', job: JOB })
    step({ kind: 'stream-lost', worker: 'w1', executions: [execution('w1')], reason: 'broken' })
    expect(task().state).toBe<TaskState>('cancelling')

    step({ kind: 'cancel-answered', job: JOB, worker: 'w1' })
    expect(task().state).toBe<TaskState>('cancelled')
  })
})

describe('a cancelled job', () => {
  it('is cancelled on a worker that comes back running it after it was given up', () => {
    register('w1')
    accept(job('all', false))
    answer('w1', READY, 'w1')
    started('w1', 'w1')
    step({ kind: 'worker-gone', worker: 'w1' })
    step({ kind: 'cancel', job: JOB })

    for (let second = 0; second < 26; second++) {
      nowMs += 1_000
      step({ kind: 'tick' })
    }

    expect(task('w1').state).toBe<TaskState>('cancelled')
    expect(task('w1').reason).toBe('cancel pending: its worker is not connected')
    // nobody has heard that it does not run: it may be cancelled once more, and says the same
    expect(isCancelPending(task('w1'))).toBe(true)
    expect(state.jobs.get(JOB)?.finishedAtMs).toBeDefined()
    expect(register('w1', [{ execution: execution('w1', 'w1'), state: 'running' }])).toContainEqual({ kind: 'cancel-on', worker: 'w1', job: JOB })
  })

  it('keeps what has ended before as it is', () => {
    register('w1')
    accept(job('all', false))
    answer('w1', READY, 'w1')
    started('w1', 'w1')
    step({ kind: 'result', key: { job: JOB, task: 'w1', worker: 'w1', attempt: 0 }, outcome: 'done' })
    step({ kind: 'cancel', job: JOB })

    expect(task('w1').state).toBe<TaskState>('done')
    expect(jobView(state.jobs.get(JOB)!, undefined).state).toBe('finished')
  })
})

describe('a master that starts again', () => {
  it('ends a job whose tasks have all ended, when only the mark of its end is missing', () => {
    const effects = step({
      kind: 'restore',
      job: job('all'),
      acceptedAtMs: 1,
      targets: [{ task: 'w1', worker: 'w1', info: info('w1') }],
      ended: [{ key: { job: JOB, task: 'w1', worker: 'w1', attempt: 0 }, outcome: 'done' }],
      assigned: [{ job: JOB, task: 'w1', worker: 'w1', attempt: 0 }],
      cancelled: false
    })

    expect(state.jobs.get(JOB)?.finishedAtMs).toBe(nowMs)
    expect(effects).toContainEqual({ kind: 'job-ended', job: JOB, atMs: nowMs })
  })

  it('ends a job that was cancelled before anything of it began', () => {
    step({ kind: 'restore', job: job('any'), acceptedAtMs: 1, targets: [{ task: 'any' }], ended: [], assigned: [], cancelled: true })

    expect(state.jobs.get(JOB)?.finishedAtMs).toBe(nowMs)
  })

  it('takes the word of a worker that something unassigned runs there', () => {
    step({ kind: 'restore', job: job('all'), acceptedAtMs: 1, targets: [{ task: 'w1', worker: 'w1', info: info('w1') }], ended: [], assigned: [], cancelled: false })
    register('w1', [{ execution: execution('w1', 'w1'), state: 'running' }])

    expect(task('w1')).toMatchObject({ state: 'running', worker: 'w1' })
  })
})

describe('a master that was paused', () => {
  it('judges nobody by the time in which it could not hear', () => {
    register('w1')
    accept(job('all', false))
    answer('w1', READY, 'w1')
    started('w1', 'w1')
    step({ kind: 'tick' })

    nowMs += 600_000
    step({ kind: 'tick' })
    expect(task('w1').state).toBe<TaskState>('running')

    // awake, and still nothing
    for (let second = 0; second < 26; second++) {
      nowMs += 1_000
      step({ kind: 'tick' })
    }

    expect(task('w1').state).toBe<TaskState>('lost')
  })

  it('asks a worker that was busy again although the clock was set back', () => {
    register('w1')
    step({ kind: 'tick' })
    accept(job('all', false))
    answer('w1', { kind: 'busy', reason: 'reserved' }, 'w1')

    nowMs -= 3_600_000
    step({ kind: 'tick' })
    nowMs += 2_000
    expect(step({ kind: 'tick' })).toContainEqual({ kind: 'ask', worker: 'w1', execution: execution('w1', 'w1') })
  })
})
