import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExecutionId } from '../../../../src/model/ids.ts'
import { mapTask, parseMapTask } from '../../../../src/model/map.ts'
import { isTaskEnd } from '../../../../src/model/states.ts'
import { freezeTargets } from '../../../../src/roles/master/coordinator/targets.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { ExecutionKey } from '../../../../src/model/ids.ts'
import type { Command, Job } from '../../../../src/model/job.ts'
import type { MapList } from '../../../../src/model/map.ts'
import type { Outcome } from '../../../../src/model/result.ts'
import type { CoordinatorEffect } from '../../../../src/roles/master/coordinator/state.ts'

const command = (name: string): Command => ({ argv: [name], program: { kind: 'name', name } })
const named = (letter: string): string => letter.repeat(44)
const idOf = (letter: string): string => `12D3${named(letter)}`

function mapJob (number: number, lists: MapList[], init: Partial<Job> = {}): Job {
  const most = Math.max(...lists.flatMap(({ entries }) => entries.map(entry => entry.command)))

  return exampleJob(number, { payload: undefined, placement: { on: 'all', where: [] }, commands: Array.from({ length: most + 1 }, (_, at) => command(`program-${at}`)), map: { lists }, ...init })
}

function list (letter: string | undefined, count: number, init: Partial<MapList> = {}): MapList {
  return { ...(letter == null ? {} : { worker: named(letter) }), where: [], entries: Array.from({ length: count }, (_, at) => ({ command: at })), ...init }
}

function started (effects: CoordinatorEffect[]): ExecutionKey[] {
  return effects.flatMap(effect => effect.kind === 'start' ? effect.starts.flatMap(({ executions }) => executions.map(parseExecutionId)) : [])
}

function withWorkers (...letters: string[]): Play {
  const play = new Play()

  letters.forEach(letter => play.register(workerInfo(named(letter), { slots: 3 })))

  return play
}

function states (play: Play, job: Job): string[] {
  return [...play.state.jobs.get(job.id)!.tasks.values()].map(({ state }) => state)
}

describe('the lists of a map', () => {
  it('go on entry by entry, each on its own', () => {
    const play = withWorkers('a', 'b')
    const job = mapJob(1, [list('a', 3), list('b', 2)])
    const first = started(play.accept(job))

    // there would be room for all of them
    expect(first.map(({ task }) => task)).toEqual([mapTask(idOf('a'), 0, 0), mapTask(idOf('b'), 1, 0)])
    expect(started(play.step({ kind: 'result', key: first[0]!, outcome: 'done' })).map(({ task }) => task)).toEqual([mapTask(idOf('a'), 0, 1)])
  })

  it('end at what fails, and say why the rest has not begun', () => {
    const play = withWorkers('a', 'b')
    const job = mapJob(1, [list('a', 3), list('b', 2)])
    const [first] = started(play.accept(job))

    expect(started(play.step({ kind: 'result', key: first!, outcome: 'failed' }))).toEqual([])
    expect(states(play, job)).toEqual(['failed', 'cancelled', 'cancelled', 'starting', 'queued'])
    expect(play.state.jobs.get(job.id)!.tasks.get(mapTask(idOf('a'), 0, 2))?.reason).toBe('not begun: program-0 before it failed')
  })

  it('go on after a failure where they are to', () => {
    const play = withWorkers('a')
    const job = mapJob(1, [list('a', 2, { keepGoing: true })])
    const [first] = started(play.accept(job))

    expect(started(play.step({ kind: 'result', key: first!, outcome: 'failed' })).map(({ task }) => task)).toEqual([mapTask(idOf('a'), 0, 1)])
  })

  it('are for every worker that fits, each with a copy of its own', () => {
    const play = withWorkers('a', 'b')
    const job = mapJob(1, [list(undefined, 2)])

    expect(freezeTargets(play.state, job).map(({ task }) => parseMapTask(task))).toEqual(['a', 'b'].map(letter => ({ worker: idOf(letter), list: 0, entry: 0 })))
    play.accept(job)
    expect(states(play, job)).toHaveLength(4)
  })

  it('are refused when they name a worker that there is not, or fit nobody', () => {
    const play = withWorkers('a')

    expect(() => freezeTargets(play.state, mapJob(1, [list('x', 1)]))).toThrow(`no worker is called '${named('x')}'`)
    expect(() => freezeTargets(play.state, mapJob(1, [list('a', 1), list(undefined, 1, { where: [{ key: 'arch', value: 'arm64' }] })]))).toThrow('no worker fits list 2 of this map')
  })

  it('let a silent worker go, and go on when it is back', () => {
    const play = withWorkers('a', 'b')
    const job = mapJob(1, [list('a', 2), list('b', 1)])
    const [first, other] = started(play.accept(job))

    play.step({ kind: 'outcomes', worker: first!.worker, outcomes: [{ execution: `${first!.job}/${first!.task}/${first!.worker}/0`, outcome: { kind: 'started' } }] })
    play.step({ kind: 'result', key: other!, outcome: 'done' })
    play.step({ kind: 'worker-gone', worker: first!.worker })

    for (let second = 0; second < 60; second++) {
      play.nowMs += 1_000
      play.step({ kind: 'tick' })
    }

    const task = play.state.jobs.get(job.id)!.tasks.get(first!.task)!

    expect(task).toMatchObject({ state: 'running', reason: 'nothing heard from its worker for 25 s: its list goes on when it is back' })
    play.step({ kind: 'worker-registered', info: workerInfo(named('a')), draining: false, holds: [{ execution: `${first!.job}/${first!.task}/${first!.worker}/0`, state: 'finished' }] })
    expect(task.reason).toBeUndefined()
    expect(started(play.step({ kind: 'result', key: first!, outcome: 'done' })).map(({ task: name }) => name)).toEqual([mapTask(idOf('a'), 0, 1)])
  })

  it('are in order, once each, and end alike for a master that hears of it in any order', () => {
    const entries = fc.array(fc.record({ fails: fc.nat(3), max: fc.option(fc.nat(3), { nil: undefined }) }), { minLength: 1, maxLength: 5 })

    fc.assert(fc.property(fc.array(fc.record({ entries, keepGoing: fc.boolean() }), { minLength: 1, maxLength: 3 }), fc.infiniteStream(fc.nat(99)), (lists, choices) => {
      const play = withWorkers('a', 'b', 'c')
      const job = mapJob(1, lists.map((init, at) => ({
        worker: named('abc'[at]!),
        where: [],
        keepGoing: init.keepGoing,
        entries: init.entries.map(({ max }, number) => ({ command: number, ...(max == null ? {} : { restart: { when: 'on-failure' as const, max, backoffMs: 10, maxBackoffMs: 20 } }) }))
      })))
      const records: Array<{ key: ExecutionKey, outcome: Outcome }> = []
      const assigned: ExecutionKey[] = []
      const running: ExecutionKey[] = []
      const hear = (effects: CoordinatorEffect[]): void => {
        for (const key of started(effects)) {
          const { list: number, entry } = parseMapTask(key.task)

          // everything before it is over
          expect(running.filter(other => other.worker === key.worker)).toEqual([])
          expect(assigned.filter(other => other.worker === key.worker).every(other => parseMapTask(other.task).entry <= entry)).toBe(true)
          expect(key.attempt).toBeLessThanOrEqual(lists[number]!.entries[entry]!.max ?? 0)
          expect(assigned).not.toContainEqual(key)
          assigned.push(key)
          running.push(key)
        }
      }

      hear(play.accept(job))

      for (let steps = 0; steps < 300 && play.state.jobs.get(job.id)!.finishedAtMs == null; steps++) {
        const [key] = running.splice(choices.next().value % Math.max(running.length, 1), 1)

        play.nowMs += 15

        if (key == null) {
          hear(play.step({ kind: 'alarm' }))
        } else {
          const { list: number, entry } = parseMapTask(key.task)
          const outcome = key.attempt < lists[number]!.entries[entry]!.fails ? 'failed' : 'done'

          records.push({ key, outcome })
          hear(play.step({ kind: 'result', key, outcome }))
        }
      }

      expect(states(play, job).every(state => isTaskEnd(state as Outcome))).toBe(true)

      lists.forEach((init, number) => {
        let stopped = false

        init.entries.forEach(({ fails, max }, at) => {
          const { state } = play.state.jobs.get(job.id)!.tasks.get(mapTask(idOf('abc'[number]!), number, at))!
          const fine = fails <= (max ?? 0)

          expect(state).toBe(stopped ? 'cancelled' : fine ? 'done' : 'failed')
          stopped ||= !fine && !init.keepGoing
        })
      })

      // from disk, and one by one to a standby that knew nothing, last things first
      const acceptance = { job, acceptedAtMs: 0, targets: freezeTargets(play.state, job) }
      const [fromDisk, late] = [new Play('standby'), new Play('standby')]

      fromDisk.step({ kind: 'restore', ...acceptance, ended: records, assigned, cancelled: false })
      late.step({ kind: 'accept', ...acceptance })
      assigned.toReversed().forEach(key => late.step({ kind: 'assigned', key }))
      records.toReversed().forEach(record => late.step({ kind: 'result', ...record }))
      expect(states(fromDisk, job)).toEqual(states(play, job))
      expect(states(late, job)).toEqual(states(play, job))
    }), { numRuns: 200 })
  })

  it('cost a step what it changes, however long they are', () => {
    const visits = (length: number): number => {
      const play = withWorkers('a')
      const job = mapJob(1, [list('a', length)])
      let keys = started(play.accept(job))
      const before = play.state.index.visits

      for (let at = 0; at < 40; at++) {
        keys = started(play.step({ kind: 'result', key: keys[0]!, outcome: 'done' }))
        play.nowMs += 100
        play.step({ kind: 'tick' })
      }

      return play.state.index.visits - before
    }

    expect(visits(1_000)).toBe(visits(50))
  })
})
