import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../../src/model/ids.ts'
import { backoffMs } from '../../../../src/model/restart.ts'
import { isTaskEnd } from '../../../../src/model/states.ts'
import { nextAlarmMs } from '../../../../src/roles/master/coordinator/deadlines.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { ExecutionKey } from '../../../../src/model/ids.ts'
import type { Job } from '../../../../src/model/job.ts'
import type { RestartRule } from '../../../../src/model/restart.ts'
import type { Outcome } from '../../../../src/model/result.ts'
import type { CoordinatorEffect, TaskEntry } from '../../../../src/roles/master/coordinator/state.ts'

const RULE: RestartRule = { when: 'on-failure', max: 3, backoffMs: 1_000, maxBackoffMs: 3_000 }
const retried = (number: number, rule: RestartRule = RULE, init: Partial<Job> = {}): Job => exampleJob(number, { payload: undefined, retry: rule, ...init })

function started (effects: CoordinatorEffect[]): ExecutionKey[] {
  return effects.flatMap(effect => effect.kind === 'start' ? effect.starts.flatMap(({ executions }) => executions.map(parseExecutionId)) : [])
}

function taskOf (play: Play, job: Job, task = 'any'): TaskEntry {
  return play.state.jobs.get(job.id)!.tasks.get(task)!
}

function end (play: Play, key: ExecutionKey | undefined, outcome: Outcome, how?: string): CoordinatorEffect[] {
  return play.step({ kind: 'result', key: key!, outcome, how })
}

describe('a task that is run again after a failure', () => {
  it('waits twice as long each time, and ends as its last attempt did', () => {
    const play = Play.with('a')
    const job = retried(1)
    let [key] = started(play.accept(job))

    for (const [restart, waitMs] of [1_000, 2_000, 3_000].entries()) {
      expect(key?.attempt).toBe(restart)
      expect(started(end(play, key, 'failed', `exit ${restart}`))).toEqual([])
      expect(taskOf(play, job).state).toBe('queued')
      expect(taskOf(play, job).reason).toBe(`failed (exit ${restart}): restart ${restart + 1} of 3`)
      expect(nextAlarmMs(play.state)).toBe(play.nowMs + waitMs)
      play.nowMs += waitMs - 1
      expect(started(play.step({ kind: 'alarm' }))).toEqual([])
      play.nowMs += 1
      ;[key] = started(play.step({ kind: 'alarm' }))
    }

    end(play, key, 'failed', 'exit 3')
    expect(taskOf(play, job)).toMatchObject({ state: 'failed', attempt: 3 })
    expect([...taskOf(play, job).records.values()].map(({ how }) => how)).toEqual(['exit 0', 'exit 1', 'exit 2', 'exit 3'])
    expect(play.state.jobs.get(job.id)?.finishedAtMs).toBeDefined()
    expect(nextAlarmMs(play.state)).toBe(Infinity)
  })

  it('is what its record says, which comes after it counted as lost', () => {
    const play = new Play('standby')
    const job = retried(1, RULE, { each: { items: ['x', 'y'] } })
    const execution = play.execution(job, '1', '12D3a')

    play.register(workerInfo('a'))
    play.step({ kind: 'restore', job, acceptedAtMs: 5, targets: [{ task: '1' }, { task: '2' }], ended: [], assigned: [parseExecutionId(execution)], cancelled: false })
    play.step({ kind: 'reign' })
    play.step({ kind: 'worker-state', worker: '12D3a', state: 'waiting', sinceMs: 0 })
    play.step({ kind: 'answer', worker: '12D3a', execution, reply: { kind: 'known', state: 'delivered' } })
    expect(taskOf(play, job, '1')).toMatchObject({ state: 'lost', reason: 'it has run, and the masters that had its record have lost it' })

    // one of them comes back
    expect(end(play, parseExecutionId(execution), 'failed')).toContainEqual({ kind: 'task-changed', job: job.id, task: '1' })
    expect(taskOf(play, job, '1')).toMatchObject({ state: 'failed', attempt: 0, worker: '12D3a', reason: undefined })
  })

  it('takes the place of nobody while it waits', () => {
    const play = Play.with('a')
    const [key] = started(play.accept(retried(1)))

    end(play, key, 'limit')
    expect(started(play.accept(exampleJob(2, { payload: undefined }))).map(({ job }) => job)).toEqual([exampleJob(2).id])
  })

  it('is cancelled at once, and what it ended with stays its end', () => {
    const play = Play.with('a')
    const job = retried(1)
    const [key] = started(play.accept(job))

    end(play, key, 'failed')
    play.step({ kind: 'cancel', job: job.id })
    expect(taskOf(play, job)).toMatchObject({ state: 'failed', attempt: 0 })
    expect(play.state.jobs.get(job.id)?.finishedAtMs).toBeDefined()
    play.nowMs += 60_000
    expect(started(play.step({ kind: 'tick' }))).toEqual([])
  })

  it('may find on another worker what the first one lacks, and not so where it is for that one alone', () => {
    const play = Play.with('a', 'b')
    const anywhere = retried(1)
    const [key] = started(play.accept(anywhere))
    const there = retried(2, RULE, { placement: { on: 'names', names: ['b'], where: [] } })
    const [other] = started(play.accept(there))

    end(play, key, 'not-run')
    end(play, other, 'not-run')
    expect(taskOf(play, anywhere).state).toBe('queued')
    expect(taskOf(play, there, '12D3b').state).toBe('not-run')
  })

  it('goes on at the next coordinator as if nothing had happened, whatever was on its way', () => {
    fc.assert(fc.property(fc.constantFrom<RestartRule['when']>('on-failure', 'always'), fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }), fc.array(fc.constantFrom<Outcome | 'take-over' | 'restart' | 'wait' | 'busy'>('failed', 'limit', 'done', 'interrupted', 'not-run', 'take-over', 'restart', 'wait', 'busy'), { maxLength: 30 }), (when, max, happenings) => {
      const rule: RestartRule = { when, max, backoffMs: 100, maxBackoffMs: 400 }
      const job = retried(1, rule)
      let [play, standby] = [Play.with('a'), Play.with('a')]
      const attempts: number[] = []
      let running: ExecutionKey | undefined
      const ended: Array<{ key: ExecutionKey, outcome: Outcome }> = []
      const hear = (effects: CoordinatorEffect[]): void => {
        const keys = started(effects)

        expect(keys.length + (running == null ? 0 : 1)).toBeLessThanOrEqual(1)

        for (const key of keys) {
          running = key
          attempts.push(key.attempt)
          standby.step({ kind: 'assigned', key })
        }
      }
      const all = { job, acceptedAtMs: 0, targets: [{ task: 'any' }] }

      standby.step({ kind: 'stand-down' })
      standby.step({ kind: 'accept', ...all })
      hear(play.step({ kind: 'accept', ...all }))

      for (const what of happenings) {
        play.nowMs += 500
        standby.nowMs = play.nowMs

        if (what === 'take-over') {
          play.step({ kind: 'stand-down' })
          ;[play, standby] = [standby, play]
          hear(play.step({ kind: 'reign' }))
          hear(play.step({ kind: 'worker-state', worker: '12D3a', state: running == null ? 'waiting' : 'running', executions: running == null ? [] : [`${running.job}/any/${running.worker}/${running.attempt}`], sinceMs: 0 }))
          hear(play.step({ kind: 'tick' }))
        } else if (what === 'restart') {
          // by what is on disk alone
          const { nowMs } = play
          play = new Play('standby')
          play.nowMs = nowMs
          play.step({ kind: 'restore', ...all, ended, assigned: attempts.map(attempt => ({ job: job.id, task: 'any', worker: '12D3a', attempt })), cancelled: false })
          hear(play.step({ kind: 'reign' }))
          hear(play.step({ kind: 'worker-registered', info: workerInfo('a'), draining: false, holds: running == null ? [] : [{ execution: `${running.job}/any/${running.worker}/${running.attempt}`, state: 'running' }] }))
        } else if (what === 'wait' || running == null) {
          hear(play.step({ kind: 'alarm' }))
        } else if (what === 'busy') {
          continue
        } else {
          const record = { key: running, outcome: what }

          running = undefined
          ended.push(record)
          standby.step({ kind: 'result', ...record })
          hear(play.step({ kind: 'result', ...record }))
        }
      }

      const task = taskOf(play, job)
      const last = ended.at(-1)

      expect(attempts).toEqual(attempts.map((_, at) => at))
      expect(attempts.length).toBeLessThanOrEqual(1 + (max ?? Infinity))

      if (last != null && isTaskEnd(task.state)) {
        expect(task).toMatchObject({ state: last.outcome, attempt: last.key.attempt })
        expect((when === 'on-failure' && last.outcome === 'done') || last.key.attempt === max).toBe(true)
      } else {
        expect(last == null || (last.key.attempt < (max ?? Infinity) && (when === 'always' || last.outcome !== 'done'))).toBe(true)
      }
    }), { numRuns: 300 })
  })

  it('costs nothing while it waits, however many wait', () => {
    const play = Play.with('a')
    const job = retried(1, { ...RULE, backoffMs: 3_600_000, maxBackoffMs: 3_600_000 }, { each: { items: Array.from({ length: 10_000 }, (_, at) => String(at)) } })
    let keys = started(play.accept(job))

    while (keys.length > 0) {
      keys = keys.flatMap(key => {
        play.step({ kind: 'outcomes', worker: key.worker, outcomes: [{ execution: `${key.job}/${key.task}/${key.worker}/0`, outcome: { kind: 'started' } }] })
        return started(end(play, key, 'failed'))
      })
    }

    expect(play.state.index.restarts.size).toBe(10_000)
    const before = play.state.index.visits
    play.nowMs += 1_000
    play.step({ kind: 'tick' })
    expect(play.state.index.visits - before).toBeLessThan(20)
  })

  it('doubles its pause up to the most', () => {
    fc.assert(fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (backoff, most, restarts) => {
      expect(backoffMs({ when: 'always', backoffMs: backoff, maxBackoffMs: most }, restarts)).toBe(backoff === 0 ? 0 : Math.min(backoff * 2 ** Math.min(restarts, 64), most))
    }))
  })
})

describe('a deadline', () => {
  it('is said once it has passed, by who coordinates alone, until the cancel is there', () => {
    const play = Play.with('a')
    const job = exampleJob(1, { payload: undefined, deadlineMs: 5_000 })
    const acceptedAtMs = play.nowMs

    play.accept(job)
    expect(nextAlarmMs(play.state)).toBe(acceptedAtMs + 5_000)
    play.nowMs = acceptedAtMs + 4_999
    expect(play.step({ kind: 'alarm' })).toEqual([])
    play.step({ kind: 'stand-down' })
    expect(nextAlarmMs(play.state)).toBe(Infinity)
    play.nowMs = acceptedAtMs + 5_000
    expect(play.step({ kind: 'tick' })).toEqual([])
    expect(play.step({ kind: 'reign' })).toContainEqual({ kind: 'expire', job: job.id })
    expect(play.step({ kind: 'alarm' })).toEqual([])
    play.nowMs += 5_000
    expect(play.step({ kind: 'alarm' })).toContainEqual({ kind: 'expire', job: job.id })
    play.step({ kind: 'cancel', job: job.id, expired: true })
    expect(nextAlarmMs(play.state)).toBe(Infinity)
  })

  it('is nothing to a job that has ended', () => {
    const play = Play.with('a')
    const job = exampleJob(1, { payload: undefined, deadlineMs: 5_000 })

    play.accept(job)
    play.done(job, 'any', '12D3a')
    expect(nextAlarmMs(play.state)).toBe(Infinity)
  })
})
