import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { executionId, parseExecutionId } from '../../../../src/model/ids.ts'
import { freezeTargets } from '../../../../src/roles/master/coordinator/targets.ts'
import { hindrancesOf } from '../../../../src/roles/master/coordinator/why.ts'
import { Play, asked, exampleJob, workerInfo } from '../fixtures.ts'
import type { Job } from '../../../../src/model/job.ts'
import type { CoordinatorEffect, TaskEntry } from '../../../../src/roles/master/coordinator/state.ts'

const some = (count: number, init: Partial<Job> = {}): Partial<Job> => ({ payload: undefined, placement: { on: 'some', count, where: [] }, ...init })

function started (effects: CoordinatorEffect[]): string[] {
  return effects.flatMap(effect => effect.kind === 'start' ? effect.starts.flatMap(({ executions }) => executions) : [])
}

describe('a job for some workers', () => {
  it('gives each of its tasks to another worker, and waits when fewer are free', () => {
    const play = Play.with('a', 'b')
    play.register(workerInfo('c', { slots: 4 }))
    play.accept(exampleJob(0, { payload: undefined }))
    const first = started(play.accept(exampleJob(1, some(3)))).map(parseExecutionId)

    // the third one is busy, however many places the others have
    expect(first.map(({ task }) => task)).toEqual(['1', '2'])
    expect(new Set(first.map(({ worker }) => worker)).size).toBe(2)

    const [third] = started(play.register(workerInfo('d'))).map(parseExecutionId)

    expect(third?.task).toBe('3')
    expect(third?.worker).toBe('12D3d')
  })

  it('is refused when fewer workers than it wants fit at all', () => {
    const play = Play.with('a', 'b')

    expect(() => freezeTargets(play.state, exampleJob(1, some(3)))).toThrow('3 different workers are wanted (--on 3) and only 2 can take this job: there are no others (see meshmark nodes)')
    play.register(workerInfo('c', { refusal: 'no box' }))
    expect(() => freezeTargets(play.state, exampleJob(1, some(3)))).toThrow('only 2 can take this job: c: no box')
  })

  it('takes back what another coordinator gave to a worker that has one here, once that says it has not begun', () => {
    const play = new Play()
    const job = exampleJob(1, some(2, { payload: exampleJob(1).payload }))

    play.register(workerInfo('a', { slots: 2 }))
    play.register(workerInfo('b'))
    play.accept(job)
    play.ready(job, '1', '12D3a')
    play.started(job, '1', '12D3a')
    play.step({ kind: 'answer', worker: '12D3b', execution: play.execution(job, '2', '12D3b'), reply: { kind: 'busy', reason: 'busy' } })

    // on the other side of a partition nobody knew of the first one
    const execution = play.execution(job, '2', '12D3a')

    expect(play.step({ kind: 'assigned', key: parseExecutionId(execution) })).toContainEqual({ kind: 'ask', worker: '12D3a', execution })

    const effects = play.step({ kind: 'answer', worker: '12D3a', execution, reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } })

    expect(effects).toContainEqual({ kind: 'rollback', worker: '12D3a', execution })
    expect(started(effects)).toEqual([])
    expect(play.state.jobs.get(job.id)?.tasks.get('2')?.state).toBe('queued')
  })

  describe('of which another coordinator has given out more than is known here', () => {
    const job = exampleJob(1, some(2, { payload: exampleJob(1).payload, retry: { when: 'on-failure', max: 2, backoffMs: 5, maxBackoffMs: 5 } }))
    const again = (task: string, worker: string): string => executionId({ job: job.id, task, worker, attempt: 1 })
    const taskOf = (play: Play, name: string): TaskEntry => play.state.jobs.get(job.id)!.tasks.get(name)!

    /** The first task runs at a and the second has just failed at b, as this one knows, which has two places. */
    function reigning (): Play {
      const play = new Play('standby')

      play.register(workerInfo('a'))
      play.register(workerInfo('b', { slots: 2 }))
      play.step({ kind: 'restore', job, acceptedAtMs: 5, targets: freezeTargets(play.state, job), ended: [], assigned: [play.execution(job, '1', '12D3a'), play.execution(job, '2', '12D3b')].map(parseExecutionId), cancelled: false })
      play.step({ kind: 'worker-state', worker: '12D3a', state: 'running', executions: [play.execution(job, '1', '12D3a')], sinceMs: 0 })
      play.step({ kind: 'result', key: parseExecutionId(play.execution(job, '2', '12D3b')), outcome: 'failed' })
      play.step({ kind: 'reign' })
      play.step({ kind: 'worker-state', worker: '12D3a', state: 'running', executions: [play.execution(job, '1', '12D3a')], sinceMs: 0 })

      return play
    }

    it('gives a worker no other task beside the one that it says runs there', () => {
      const play = reigning()

      expect(taskOf(play, '1')).toMatchObject({ state: 'running', worker: '12D3a', attempt: 0 })
      play.step({ kind: 'worker-state', worker: '12D3b', state: 'running', executions: [again('1', '12D3b')], sinceMs: 0 })
      play.nowMs += 1_000
      expect(asked(play.step({ kind: 'alarm' }))).toEqual([])
      expect(hindrancesOf(play.state, play.state.jobs.get(job.id)!, 'alice', play.nowMs)).toContainEqual({ reason: 'has another task of this job', workers: ['a', 'b'], count: 2 })

      // its end is heard of: there is a place for the other one
      const effects = play.step({ kind: 'worker-state', worker: '12D3b', state: 'waiting', sinceMs: 0 })

      expect(effects.flatMap(effect => effect.kind === 'ask' ? [effect.execution] : [])).toEqual([again('2', '12D3b')])
      // and it says once more that there is none, before it has begun
      play.step({ kind: 'worker-state', worker: '12D3b', state: 'running', executions: [again('1', '12D3b')], sinceMs: 0 })
      expect(started(play.step({ kind: 'answer', worker: '12D3b', execution: again('2', '12D3b'), reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } }))).toEqual([])
      expect(taskOf(play, '2').state).toBe('queued')
    })

    it('gives a worker no other task beside the one that the journal says was given to it', () => {
      const play = reigning()

      play.step({ kind: 'assigned', key: parseExecutionId(again('1', '12D3b')) })
      expect(taskOf(play, '1')).toMatchObject({ state: 'running', worker: '12D3a', attempt: 0 })
      play.step({ kind: 'worker-state', worker: '12D3b', state: 'waiting', sinceMs: 0 })
      play.nowMs += 1_000
      expect(asked(play.step({ kind: 'alarm' }))).toEqual([])

      // it is known where the first one ends
      expect(play.done(job, '1', '12D3a').flatMap(effect => effect.kind === 'ask' ? [effect.execution] : [])).toEqual([again('2', '12D3b')])
    })
  })

  it('is at different workers whatever they say, and ends on different ones', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 3 }), fc.boolean(), fc.array(fc.record({ what: fc.constantFrom('busy', 'fail', 'end', 'end', 'ready', 'register'), at: fc.nat(20) }), { maxLength: 60 }), (count, more, files, events) => {
      const play = new Play()
      const names = Array.from({ length: count + more }, (_, at) => `w${at}`)
      const open: string[] = []
      const asked: string[] = []
      const hear = (effects: CoordinatorEffect[]): void => {
        open.push(...started(effects))
        asked.push(...effects.flatMap(effect => effect.kind === 'ask' ? [effect.execution] : []))
      }

      names.forEach((name, at) => play.register(workerInfo(name, { slots: 1 + at % 3 })))

      const job = exampleJob(1, some(count, { ...(files ? { payload: exampleJob(1).payload } : {}), retry: { when: 'on-failure', max: 3, backoffMs: 5, maxBackoffMs: 10 } }))
      hear(play.accept(job))

      const tasks = () => [...play.state.jobs.get(job.id)!.tasks.values()]
      const step = (what: string, at: number): void => {
        const execution = open[at % Math.max(open.length, 1)]
        play.nowMs += 20

        if (what === 'register') {
          const name = names[at % names.length]!

          // what was asked on the stream before is answered by nobody
          asked.splice(0, asked.length, ...asked.filter(other => parseExecutionId(other).worker !== `12D3${name}`))

          const lost = open.filter(other => parseExecutionId(other).worker === `12D3${name}`)

          open.splice(0, open.length, ...open.filter(other => !lost.includes(other)))
          hear(play.register(workerInfo(name, { slots: 2 })))

          return hear(play.step({ kind: 'stream-lost', worker: `12D3${name}`, executions: lost, reason: 'broke' }))
        }

        const ask = asked.splice(at % Math.max(asked.length, 1), 1)[0]

        if (ask != null) {
          hear(play.step({ kind: 'answer', worker: parseExecutionId(ask).worker, execution: ask, reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } }))
        }

        if (execution == null) {
          return hear(play.step({ kind: 'tick' }))
        }

        const key = parseExecutionId(execution)

        open.splice(open.indexOf(execution), 1)

        if (what === 'busy') {
          hear(play.step({ kind: 'outcomes', worker: key.worker, outcomes: [{ execution, outcome: { kind: 'busy', reason: 'busy' } }] }))
        } else {
          hear(play.step({ kind: 'outcomes', worker: key.worker, outcomes: [{ execution, outcome: { kind: 'started' } }] }))
          hear(play.step({ kind: 'result', key, outcome: what === 'fail' ? 'failed' : 'done' }))
        }
      }
      const isDistinct = (): void => {
        const workers = tasks().flatMap(({ worker }) => worker ?? [])

        expect(new Set(workers).size).toBe(workers.length)
      }

      for (const { what, at } of events) {
        step(what, at)
        isDistinct()
      }

      // they all come to an end when nothing else happens
      for (let at = 0; at < 400 && tasks().some(({ state }) => state !== 'done' && state !== 'failed'); at++) {
        play.nowMs += 2_000
        hear(play.step({ kind: 'tick' }))
        names.forEach(name => { hear(play.step({ kind: 'worker-state', worker: `12D3${name}`, state: 'waiting', sinceMs: 0 })) })
        step('end', 0)
        isDistinct()
      }

      expect(tasks().map(({ state }) => state).filter(state => state !== 'done' && state !== 'failed')).toEqual([])
      expect(new Set(tasks().map(({ worker }) => worker)).size).toBe(count)
    }), { numRuns: 100 })
  })
})

describe('priority', () => {
  it('decides among the jobs of one client, and nothing between clients', () => {
    fc.assert(fc.property(fc.array(fc.record({ client: fc.constantFrom('alice', 'bob'), priority: fc.integer({ min: -3, max: 3 }) }), { minLength: 1, maxLength: 12 }), init => {
      const play = Play.with('a')
      const busy = exampleJob(0, { payload: undefined, client: 'carol' })
      play.accept(busy)
      const jobs = init.map(({ client, priority }, at) => exampleJob(at + 1, { payload: undefined, client, priority }))
      jobs.forEach(job => play.accept(job))

      const order: Job[] = []
      let current = busy

      while (order.length < jobs.length) {
        const [next] = started(play.done(current, 'any', '12D3a')).map(execution => jobs.find(({ id }) => id === parseExecutionId(execution).job)!)

        order.push(next!)
        current = next!
      }

      for (const client of ['alice', 'bob']) {
        const own = order.filter(job => job.client === client)

        expect(own).toEqual(jobs.filter(job => job.client === client).sort((a, b) => b.priority! - a.priority!))
      }

      // who comes next is who has waited longest with what comes first of its own: a lower number gains nothing on another client
      const free = (list: Job[]): Job[] => list.map(job => ({ ...job, priority: 0 }))
      expect(free(order)).toHaveLength(jobs.length)
    }))
  })
})
