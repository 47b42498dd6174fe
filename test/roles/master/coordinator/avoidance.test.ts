import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { executionId, parseExecutionId } from '../../../../src/model/ids.ts'
import { AVOID_MS, MAX_AVOID_MS } from '../../../../src/roles/master/coordinator/avoidance.ts'
import { hasRoom } from '../../../../src/roles/master/coordinator/capacity.ts'
import { nextAlarmMs } from '../../../../src/roles/master/coordinator/deadlines.ts'
import { isHeldFrom } from '../../../../src/roles/master/coordinator/holders.ts'
import { mayDo } from '../../../../src/roles/master/coordinator/lanes.ts'
import { isPaused } from '../../../../src/roles/master/coordinator/pauses.ts'
import { hindrancesOf } from '../../../../src/roles/master/coordinator/why.ts'
import { taskView } from '../../../../src/roles/master/views.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { ExecutionKey } from '../../../../src/model/ids.ts'
import type { Job } from '../../../../src/model/job.ts'
import type { Outcome } from '../../../../src/model/result.ts'
import type { CoordinatorEffect, TaskEntry } from '../../../../src/roles/master/coordinator/state.ts'

const retried = (number: number, init: Partial<Job> = {}): Job => exampleJob(number, { payload: undefined, retry: { when: 'on-failure', max: 8, backoffMs: 100, maxBackoffMs: 100 }, ...init })

function given (effects: CoordinatorEffect[]): ExecutionKey[] {
  return effects.flatMap(effect => effect.kind === 'ask' ? [effect.execution] : effect.kind === 'start' ? effect.starts.flatMap(({ executions }) => executions) : []).map(parseExecutionId)
}

function taskOf (play: Play, job: Job, task = 'any'): TaskEntry {
  return play.state.jobs.get(job.id)!.tasks.get(task)!
}

function end (play: Play, key: ExecutionKey | undefined, outcome: Outcome, reason?: string): ExecutionKey[] {
  return given(play.step({ kind: 'result', key: key!, outcome, ...(reason == null ? {} : { reason }) }))
}

function after (play: Play, ms: number): ExecutionKey[] {
  play.nowMs += ms
  return given(play.step({ kind: 'alarm' }))
}

describe('a worker that could not run a task', () => {
  it('gets it only when no other one has taken it for a while', () => {
    const play = Play.with('a', 'b')
    const [first] = given(play.accept(retried(1)))

    expect(first).toMatchObject({ worker: '12D3a', attempt: 0 })
    expect(end(play, first, 'not-run')).toEqual([])
    // the other one gets it although this one has been free for longer
    play.accept(exampleJob(2, { payload: undefined, client: 'bob', placement: { on: 'names', names: ['b'], where: [] } }))
    expect(after(play, 100)).toEqual([])
    expect(given(play.done(exampleJob(2), '12D3b', '12D3b'))).toMatchObject([{ worker: '12D3b', attempt: 1 }])
  })

  it('is the only one, and is waited for longer each time, and never without end; the reason is told', () => {
    const play = Play.with('a')
    const job = retried(1, { retry: { when: 'on-failure', max: 20, backoffMs: 100, maxBackoffMs: 100 } })
    let [key] = given(play.accept(job))
    const waits = [1, 2, 4, 8, 16, 32, 60, 60].map(times => times * AVOID_MS)

    expect(waits.at(-1)).toBe(MAX_AVOID_MS)

    for (const waitMs of waits) {
      end(play, key, 'not-run', 'no room on the disk')
      expect(after(play, 100)).toEqual([])
      expect(nextAlarmMs(play.state)).toBe(play.nowMs + waitMs - 100)
      expect(after(play, waitMs - 101)).toEqual([])
      ;[key] = after(play, 1)
      expect(key).toMatchObject({ worker: '12D3a' })
    }

    end(play, key, 'not-run', 'no room on the disk')
    play.nowMs += 50
    expect(taskView(taskOf(play, job), play.state.jobs.get(job.id)!, [], play.nowMs).reason)
      .toBe('not-run (no room on the disk): restart 9 of 20 in 50 ms, not on a for 4 min 59 s')
    play.nowMs += 40_000
    play.step({ kind: 'alarm' })
    expect(taskView(taskOf(play, job), play.state.jobs.get(job.id)!, [], play.nowMs).reason)
      .toBe('not-run (no room on the disk): restart 9 of 20, not on a for 4 min 19 s')
    expect(hindrancesOf(play.state, play.state.jobs.get(job.id)!, job.client, play.nowMs))
      .toMatchObject([{ workers: ['a'], reason: 'could not run it (no room on the disk): is asked again in 4 min 19 s, and others come first' }])
  })

  it('gets the other tasks of the job, and those that failed there for reasons of their own', () => {
    const play = Play.with('a')
    const job = retried(1, { each: { items: ['x', 'y', 'z'] } })
    const [first] = given(play.accept(job))
    const [second] = end(play, first, 'not-run')

    expect(second).toMatchObject({ task: '2', worker: '12D3a' })
    play.step({ kind: 'result', key: { ...second!, task: '3' }, outcome: 'done' })
    expect(end(play, second, 'failed')).toEqual([])
    expect(after(play, 100)).toMatchObject([{ task: '2', attempt: 1 }])
  })

  it('does not keep one that has come since from taking it at once', () => {
    const play = Play.with('a')
    const [key] = given(play.accept(retried(1)))

    end(play, key, 'not-run')
    expect(after(play, 100)).toEqual([])
    expect(given(play.register(workerInfo('b')))).toMatchObject([{ worker: '12D3b', attempt: 1 }])
  })

  it('is known to the next life of the coordinator by the records alone', () => {
    const play = Play.with('a', 'b')
    const job = retried(1)
    const ended: Array<{ key: ExecutionKey, outcome: Outcome }> = []
    let [key] = given(play.accept(job))

    for (const outcome of ['not-run', 'not-run'] as const) {
      ended.push({ key: key!, outcome })
      end(play, key, outcome)
      ;[key] = after(play, 100)
    }

    expect(ended.map(({ key }) => key.worker)).toEqual(['12D3a', '12D3b'])

    const next = new Play('standby')

    next.step({ kind: 'restore', job, acceptedAtMs: 0, targets: [{ task: 'any' }], ended, assigned: ended.map(({ key }) => key), cancelled: false })
    next.step({ kind: 'reign' })
    next.register(workerInfo('a'))
    next.register(workerInfo('b'))
    expect(after(next, AVOID_MS - 1)).toEqual([])
    expect(after(next, 1)).toMatchObject([{ attempt: 2 }])
  })

  it('is not waited for longer because the clock was set, or stood still', () => {
    const play = Play.with('a')

    play.step({ kind: 'tick' })
    end(play, given(play.accept(retried(1)))[0], 'not-run')
    play.nowMs -= 3_600_000
    play.step({ kind: 'tick' })
    expect(nextAlarmMs(play.state) - play.nowMs).toBeLessThanOrEqual(AVOID_MS)
  })
})

type Happening = { kind: 'end', which: number, outcome: Outcome } | { kind: 'wait', ms: number } | { kind: 'take-over' | 'restart' } | { kind: 'drain', worker: number, drain: boolean }

const NAMES = ['a', 'b', 'c']
const happenings = fc.array(fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(20), outcome: fc.constantFrom<Outcome>('not-run', 'not-run', 'not-run', 'failed', 'done', 'interrupted') }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 100, 1_000, 4_900, 5_000, 11_000, 100_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('take-over' as const, 'restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), worker: fc.nat(2), drain: fc.boolean() }) }
), { maxLength: 60 }) as fc.Arbitrary<Happening[]>
const jobs = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })).map(([hasFiles, count, items]) => [
  retried(1),
  retried(2, { client: 'bob', placement: { on: 'some', count, where: [] } }),
  retried(3, { each: { items: Array.from({ length: items }, String) }, ...(hasFiles ? { payload: exampleJob(3).payload } : {}) })
])

describe('tasks, workers that could not run them, and coordinators', () => {
  it('never meet before their time, and nothing waits for nothing, whoever coordinates', () => {
    fc.assert(fc.property(jobs, happenings, (jobs, happenings) => {
      let play = Play.with(...NAMES)
      const running = new Map<string, ExecutionKey>()
      const ended: Array<{ key: ExecutionKey, outcome: Outcome }> = []
      const assigned: ExecutionKey[] = []
      /** `job task worker` -> when it may be asked again, at the earliest. */
      const untilMs = new Map<string, number>()
      const refusals = (id: string): number => ended.filter(({ key, outcome }) => outcome === 'not-run' && idOf(key) === id).length
      const waitFor = (id: string): number => play.nowMs + Math.min(AVOID_MS * 2 ** (refusals(id) - 1), MAX_AVOID_MS)
      const idOf = ({ job, task, worker }: ExecutionKey): string => `${job} ${task} ${worker}`

      /** Answers what is asked, as willing workers do. */
      const hear = (effects: CoordinatorEffect[]): void => {
        for (const key of given(effects)) {
          expect(untilMs.get(idOf(key)) ?? 0).toBeLessThanOrEqual(play.nowMs)
        }

        for (const effect of effects) {
          if (effect.kind === 'ask') {
            hear(play.step({ kind: 'answer', worker: effect.worker, execution: effect.execution, reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } }))
          } else if (effect.kind === 'start') {
            for (const { worker, executions } of effect.starts) {
              executions.map(parseExecutionId).forEach(key => {
                running.set(executionId(key), key)
                assigned.push(key)
              })
              hear(play.step({ kind: 'outcomes', worker, outcomes: executions.map((execution, at) => ({ execution, outcome: { kind: at === 0 ? 'started' : 'queued' } })) }))
            }
          }
        }
      }

      const check = (): void => {
        const { state, nowMs } = play

        for (const entry of state.jobs.values()) {
          for (const task of entry.tasks.values()) {
            task.avoids?.forEach(untilMs => { expect(untilMs).toBeLessThanOrEqual(nowMs + MAX_AVOID_MS) })

            if (task.state === 'queued') {
              const late = [...task.avoids?.values() ?? []].filter(untilMs => untilMs < nextAlarmMs(state))

              expect(late).toEqual([])
            }

            for (const worker of task.state === 'queued' && !isPaused(task) ? state.workers.values() : []) {
              const { info } = worker
              const may = hasRoom(worker, nowMs) && mayDo(info, entry.job) && !isHeldFrom(entry, task, worker) && !((task.avoids?.get(info.peerId) ?? 0) > nowMs)

              expect(may, `${task.name} of ${entry.job.id.slice(-2)} on ${info.name}`).toBe(false)
            }
          }
        }
      }

      jobs.forEach(job => { hear(play.accept(job)) })
      check()

      for (const happening of happenings) {
        switch (happening.kind) {
          case 'end': {
            const key = [...running.values()][happening.which % Math.max(running.size, 1)]

            if (key != null) {
              const record = { key, outcome: happening.outcome }

              running.delete(executionId(key))
              ended.push(record)

              if (happening.outcome === 'not-run') {
                untilMs.set(idOf(key), waitFor(idOf(key)))
              }

              hear(play.step({ kind: 'result', ...record }))
            }
            break
          }
          case 'wait':
            play.nowMs += happening.ms
            hear(play.step({ kind: 'alarm' }))
            break
          case 'take-over':
            play.step({ kind: 'stand-down' })
            hear(play.step({ kind: 'reign' }))
            NAMES.forEach(name => { hear(play.step({ kind: 'worker-state', worker: `12D3${name}`, state: [...running.values()].some(({ worker }) => worker === `12D3${name}`) ? 'running' : 'waiting', executions: [...running].flatMap(([execution, { worker }]) => worker === `12D3${name}` ? [execution] : []).slice(0, 1), sinceMs: 0 })) })
            break
          case 'restart': {
            const before = play

            play = new Play('standby')
            play.nowMs = before.nowMs

            for (const job of jobs) {
              const { tasks } = before.state.jobs.get(job.id)!

              play.step({ kind: 'restore', job, acceptedAtMs: 0, targets: [...tasks.keys()].map(task => ({ task })), ended: ended.filter(({ key }) => key.job === job.id), assigned: assigned.filter(key => key.job === job.id), cancelled: false })
            }

            for (const id of untilMs.keys()) {
              untilMs.set(id, waitFor(id))
            }

            // of those that have ended meanwhile nothing is waited for
            hear(play.step({ kind: 'reign' }))
            NAMES.forEach(name => { hear(play.step({ kind: 'worker-registered', info: workerInfo(name), draining: false, holds: [...running].flatMap(([execution, { worker }]) => worker === `12D3${name}` ? [{ execution, state: 'running' as const }] : []) })) })
            break
          }
          case 'drain':
            hear(play.step({ kind: 'drain', worker: `12D3${NAMES[happening.worker]}`, drain: happening.drain }))
        }

        check()
      }
    }), { numRuns: 300 })
  })
})
