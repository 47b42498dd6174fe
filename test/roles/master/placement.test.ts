import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unmetDemand } from '../../../src/machine/demands.ts'
import { matches } from '../../../src/machine/match.ts'
import { executionId, parseExecutionId } from '../../../src/model/ids.ts'
import { isTaskEnd } from '../../../src/model/states.ts'
import { batchSize } from '../../../src/roles/master/coordinator/batch.ts'
import { hasRoom, placesTaken } from '../../../src/roles/master/coordinator/capacity.ts'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { Play, exampleJob, startsIn, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { CoordinatorEffect, CoordinatorState, JobEntry, TaskEntry } from '../../../src/roles/master/coordinator/state.ts'

const ITEMS = (count: number): Partial<Job> => ({ payload: undefined, each: { items: Array.from({ length: count }, (_, i) => `${i}`) } })

interface Sent { worker: string, executions: string[] }

function sent (effects: CoordinatorEffect[]): Sent[] {
  return effects.flatMap(effect => effect.kind === 'start' ? effect.starts : [])
}

function answerStart (play: Play, { worker, executions }: Sent): CoordinatorEffect[] {
  return play.step({ kind: 'outcomes', worker, outcomes: executions.map((execution, at) => ({ execution, outcome: { kind: at === 0 ? 'started' : 'queued' } })) })
}

function answerBusy (play: Play, { worker, executions }: Sent): CoordinatorEffect[] {
  return play.step({ kind: 'outcomes', worker, outcomes: executions.map(execution => ({ execution, outcome: { kind: 'busy', reason: 'busy' } })) })
}

function end (play: Play, execution: string): CoordinatorEffect[] {
  return play.step({ kind: 'result', key: parseExecutionId(execution), outcome: 'done' })
}

/** Every queued task, looked for among all jobs. */
function queuedIn (state: CoordinatorState): Array<{ entry: JobEntry, task: TaskEntry }> {
  return [...state.jobs.values()].filter(entry => entry.finishedAtMs == null && !entry.cancelled)
    .flatMap(entry => [...entry.tasks.values()].filter(task => task.state === 'queued').map(task => ({ entry, task })))
}

/** What a coordinator that looks at everything would find out about who is under way, and where. */
function indexed (state: CoordinatorState): Record<string, unknown> {
  const open = [...state.jobs.values()].filter(entry => entry.finishedAtMs == null)
  const tasks = open.flatMap(entry => [...entry.tasks.values()].map(task => ({ entry, task })).filter(({ task }) => !isTaskEnd(task.state)))
  const active: Record<string, number> = {}

  for (const { entry, task } of tasks) {
    if (task.state !== 'queued') {
      active[entry.job.client] = (active[entry.job.client] ?? 0) + 1
    }
  }

  return {
    open: open.map(({ job }) => job.id).sort(),
    counts: open.map(entry => [entry.job.id, tasks.filter(other => other.entry === entry).length, queuedIn(state).filter(other => other.entry === entry).length]),
    active,
    queued: queuedIn(state).length,
    doubted: tasks.filter(({ task }) => task.state === 'starting' && task.doubted.size > 0).length,
    cancelling: tasks.filter(({ task }) => task.state === 'cancelling').length,
    waiting: tasks.filter(({ task }) => task.state === 'starting' && task.waiting != null).length
  }
}

function asTheIndexHasIt ({ index }: CoordinatorState): Record<string, unknown> {
  return {
    open: [...index.open].map(({ job }) => job.id).sort(),
    counts: [...index.open].sort((a, b) => a.job.id < b.job.id ? -1 : 1).map(entry => [entry.job.id, entry.open, entry.queued]),
    active: Object.fromEntries(index.active),
    queued: [...index.lanes.values()].flatMap(({ clients }) => [...clients.values()]).reduce((sum, { size }) => sum + size, 0),
    doubted: new Set([...index.doubted.values()].flatMap(tasks => [...tasks])).size,
    cancelling: index.cancelling.size,
    waiting: index.waiting.size
  }
}

/** Somebody with room who may do something that waits; nobody with room waits for a measured task, as it has no room for more. */
function idleBeside (state: CoordinatorState, nowMs: number): string[] {
  const queued = queuedIn(state)

  return [...state.workers].filter(([, worker]) => hasRoom(worker, nowMs)).flatMap(([id, worker]) => {
    const fitting = queued.filter(({ entry: { job }, task }) => task.target === id || (task.target == null && matches(worker.info, job.placement.where) === true && unmetDemand(worker.info, job) == null))
    const isHeld = placesTaken(worker) > 0 && fitting.some(({ entry }) => entry.job.kind === 'run')

    return fitting.length > 0 && !isHeld ? [`${id} could do ${fitting[0]!.entry.job.id}/${fitting[0]!.task.name}`] : []
  })
}

type Happening = { kind: string, a: number, b: number }

const happenings = fc.array(fc.record({
  kind: fc.constantFrom('exec', 'exec', 'items', 'items', 'all', 'files', 'register', 'gone', 'state', 'answer', 'answer', 'answer', 'end', 'end', 'end', 'cancel', 'lost', 'busy', 'tick', 'drain', 'stand-down', 'reign'),
  a: fc.nat(30),
  b: fc.nat(30)
}), { minLength: 20, maxLength: 120 })

/** Lets these happen to a coordinator, and calls `check` after each. */
function live (events: Happening[], check: (play: Play, event: Happening) => void): void {
  const play = Play.with('a', 'b')
  const asked = new Map<string, string>()
  const starting: Sent[] = []
  /** What runs, and the START that it came with. */
  const running = new Map<string, Sent>()
  const jobs: Job[] = []
  const names = ['a', 'b', 'c', 'd']
  const take = (effects: CoordinatorEffect[]): void => {
    starting.push(...sent(effects))
    effects.forEach(effect => effect.kind === 'ask' && asked.set(effect.execution, effect.worker))
  }
  const pick = <T>(list: T[], at: number): T | undefined => list[at % Math.max(list.length, 1)]
  const isFull = (id: string): boolean => new Set([...running.values()].filter(({ worker }) => worker === id)).size >= (id === '12D3d' ? 3 : 1)
  /** What was said to it before is answered before, and takes its place. */
  const isTaken = (execution: string, id: string): boolean => starting.some(({ worker }) => worker === id) || [...asked].find(([, worker]) => worker === id)?.[0] !== execution || [...play.state.workers.get(id)?.engaged.keys() ?? []].some(other => other !== execution)
  const accept = (init: Partial<Job>): void => {
    const job = exampleJob(jobs.length, { client: `client ${jobs.length % 3}`, ...init })

    if (jobs.length < 90) {
      jobs.push(job)
      take(play.accept(job))
    }
  }

  for (const event of events) {
    const { a, b } = event
    const name = names[a % 4]!
    const id = `12D3${name}`

    play.nowMs += b * 10

    switch (event.kind) {
      case 'exec': if ([...play.state.workers.values()].some(({ connected, draining }) => connected && !draining)) { accept({ payload: undefined }) } break
      case 'items': if ([...play.state.workers.values()].some(({ connected, draining }) => connected && !draining)) { accept(ITEMS(1 + a)) } break
      case 'files': if ([...play.state.workers.values()].some(({ connected, draining }) => connected && !draining)) { accept({}) } break
      case 'all': if ([...play.state.workers.values()].some(({ connected, draining }) => connected && !draining)) { accept({ kind: 'run', placement: { on: 'all', where: [] } }) } break
      case 'register': take(play.register(workerInfo(name, { slots: name === 'd' ? 3 : undefined }))); break
      case 'gone': take(play.step({ kind: 'worker-gone', worker: id })); break
      case 'drain': take(play.step({ kind: 'drain', worker: id, drain: b % 2 === 0 })); break
      case 'state': take(play.step({ kind: 'worker-state', worker: id, state: 'waiting', sinceMs: 0 })); break
      case 'tick': play.nowMs += 1_000; take(play.step({ kind: 'tick' })); break
      case 'stand-down':
        take(play.step({ kind: 'stand-down' }))
        // what was asked is not heard any more
        asked.clear()
        starting.length = 0
        break
      case 'reign': take(play.step({ kind: 'reign' })); break
      case 'cancel': { const job = pick(jobs, a); if (job != null) { take(play.step({ kind: 'cancel', job: job.id })) } break }
      case 'lost': take(play.step({ kind: 'stream-lost', worker: id, executions: starting.filter(({ worker }) => worker === id).flatMap(({ executions }) => executions), reason: 'broke' })); break
      case 'answer': {
        const start = starting.splice(a % Math.max(starting.length, 1), 1)[0]
        const ask = pick([...asked], a)

        // no worker starts more than it has places for
        if (start != null && isFull(start.worker)) {
          take(answerBusy(play, start))
        } else if (start != null) {
          start.executions.forEach(execution => running.set(execution, start))
          take(answerStart(play, start))
        } else if (ask != null) {
          const taken = isTaken(ask[0], ask[1]) || isFull(ask[1])

          asked.delete(ask[0])
          take(play.step({ kind: 'answer', worker: ask[1], execution: ask[0], reply: taken ? { kind: 'busy', reason: 'busy' } : { kind: 'ready', leaseMs: 5_000, hasPayload: true } }))
        }
        break
      }
      case 'busy': {
        const start = starting.splice(a % Math.max(starting.length, 1), 1)[0]

        if (start != null) {
          take(answerBusy(play, start))
        }
        break
      }
      case 'end': {
        const execution = pick([...running.keys()], a)

        if (execution != null) {
          running.delete(execution)
          take(end(play, execution))
        }
      }
    }

    // not everything that happens is heard of, but time has passed
    take(play.step({ kind: 'caught-up' }))
    check(play, event)
  }
}

describe('what is looked up instead of looked for', () => {
  it('is what looking at everything would find, after every event', () => {
    fc.assert(fc.property(happenings, events => {
      live(events, play => { expect(asTheIndexHasIt(play.state)).toEqual(indexed(play.state)) })
    }), { numRuns: 60 })
  })

  it('leaves nobody with room beside a task that he may do', () => {
    fc.assert(fc.property(happenings, events => {
      live(events, (play, event) => {
        // a new coordinator hears the workers first
        if (play.state.mode === 'reign' && play.state.unheard.size === 0) {
          expect(idleBeside(play.state, play.nowMs), event.kind).toEqual([])
        }
      })
    }), { numRuns: 60 })
  })

  it('gives nothing out twice, nor more to a worker than it has places for', () => {
    fc.assert(fc.property(happenings, events => {
      live(events, play => {
        for (const [id, worker] of play.state.workers) {
          expect(placesTaken(worker), id).toBeLessThanOrEqual(Math.max(worker.info.slots ?? 1, 1))
        }
      })
    }), { numRuns: 30 })
  })
})

describe('a job with items', () => {
  it('is started at once, one by one until it is known how long they take, then in batches that grow smaller towards the end', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1, ITEMS(400))
    const sizes: number[] = []
    const queue = sent(play.accept(job))

    expect(queue.map(({ executions }) => executions.length)).toEqual([1, 1])

    while (queue.length > 0) {
      const start = queue.shift()!

      sizes.push(start.executions.length)
      answerStart(play, start)

      for (const execution of start.executions) {
        play.nowMs += 5
        queue.push(...sent(end(play, execution)))
      }
    }

    const last = sizes.slice(-6)

    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(400)
    expect(Math.max(...sizes)).toBeGreaterThan(20)
    expect(last).toEqual([...last].sort((a, b) => b - a))
    expect(play.state.jobs.get(job.id)?.finishedAtMs).toBeDefined()
  })

  it('is never more in one START than fits into the time or is its fair share', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 2_000 }), fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }), (queued, places, paceMs) => {
      const size = batchSize(queued, places, paceMs)

      expect(size).toBeGreaterThanOrEqual(1)
      expect(size).toBeLessThanOrEqual(64)
      expect(size === 1 || size * places <= queued + places).toBe(true)
    }))
  })

  it('takes what one worker did not begin to another one, as the same attempt', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1, ITEMS(2))
    const [first, second] = sent(play.accept(job))

    answerStart(play, first!)
    play.step({ kind: 'outcomes', worker: second!.worker, outcomes: second!.executions.map(execution => ({ execution, outcome: { kind: 'busy', reason: 'full' } })) })

    const again = sent(end(play, first!.executions[0]!))

    expect(again).toEqual([{ worker: first!.worker, executions: [executionId({ ...parseExecutionId(second!.executions[0]!), worker: first!.worker })] }])
  })

  it('asks the worker of a START whose answer was lost, and nobody else', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1, ITEMS(1))
    const [start] = sent(play.accept(job))

    play.step({ kind: 'stream-lost', worker: start!.worker, executions: start!.executions, reason: 'broke' })
    play.nowMs += 2_000

    expect(play.step({ kind: 'tick' })).toContainEqual({ kind: 'ask', worker: start!.worker, execution: start!.executions[0] })
    expect(startsIn(play.step({ kind: 'answer', worker: start!.worker, execution: start!.executions[0]!, reply: { kind: 'known', state: 'running' } }))).toEqual([])
    expect(play.state.jobs.get(job.id)!.tasks.get('1')).toMatchObject({ state: 'running', worker: start!.worker })
  })

  it('is asked back from behind a long one when another worker has nothing to do', () => {
    const play = Play.with('a')
    const job = exampleJob(1, ITEMS(40))
    let [start] = sent(play.accept(job))

    answerStart(play, start!)
    play.nowMs += 1;
    [start] = sent(end(play, start!.executions[0]!))
    answerStart(play, start!)
    expect(start!.executions.length).toBeGreaterThan(10)

    let rest = sent(play.register(workerInfo('b')))

    while (rest.length > 0) {
      const next = rest.shift()!

      answerStart(play, next)
      next.executions.forEach(execution => { rest.push(...sent(end(play, execution))) })
    }

    for (let i = 0; i < 3; i++) {
      play.nowMs += 500
      rest = []
      const recalled = play.step({ kind: 'tick' }).flatMap(effect => effect.kind === 'recall' ? [effect] : [])

      if (recalled.length > 0) {
        expect(recalled).toMatchObject([{ worker: '12D3a', execution: start!.executions.at(-1) }])
        rest = sent(play.step({ kind: 'recall-answered', worker: '12D3a', execution: recalled[0]!.execution, reply: { kind: 'rolled-back' } }))
        expect(rest).toMatchObject([{ worker: '12D3b' }])
        return
      }
    }

    expect.unreachable('nothing is asked back')
  })
})

describe('several slots', () => {
  it('are filled one by one, and measured tasks have the worker for themselves', () => {
    const play = new Play()

    play.register(workerInfo('a', { slots: 3 }))

    const starts = [1, 2, 3].flatMap(number => sent(play.accept(exampleJob(number, { payload: undefined }))))
    const measured = exampleJob(5, { kind: 'run', client: 'bob' })

    expect(starts).toHaveLength(3)
    starts.forEach(start => answerStart(play, start))
    play.accept(measured)
    play.accept(exampleJob(6, { payload: undefined }))
    // bob has less under way: the others end first, and nothing is added to them
    expect(sent(end(play, starts[0]!.executions[0]!))).toEqual([])
    expect(sent(end(play, starts[1]!.executions[0]!))).toEqual([])
    expect(end(play, starts[2]!.executions[0]!)).toContainEqual(expect.objectContaining({ kind: 'ask', worker: '12D3a' }))
    expect(sent(play.ready(measured, 'any', '12D3a'))).toHaveLength(1)
    expect(sent(play.done(measured, 'any', '12D3a'))).toHaveLength(1)
  })
})

/** Entries that this looks at. */
function visits (play: Play, happen: () => void): number {
  const before = play.state.index.visits

  happen()

  return play.state.index.visits - before
}

describe('what an event costs', () => {
  it('does not grow with the tasks that are queued', () => {
    const cost = (items: number): number => {
      const play = Play.with('a', 'b')
      const job = exampleJob(1, ITEMS(items))
      const [start] = sent(play.accept(job))

      answerStart(play, start!)
      play.nowMs += 10_000

      return visits(play, () => { end(play, start!.executions[0]!) })
    }

    expect(cost(10_000)).toBe(cost(100))
    expect(cost(10_000)).toBeLessThan(30)
  })

  it('does not grow with the workers, idle or busy', () => {
    const cost = (workers: number): number => {
      const play = Play.with(...Array.from({ length: workers }, (_, i) => `w${i}`))
      const busy = exampleJob(1, { kind: 'run', placement: { on: 'all', where: [] } })

      // half of them have something to do
      play.step({ kind: 'accept', job: busy, acceptedAtMs: 1, targets: freezeTargets(play.state, busy).slice(0, workers / 2) })

      const job = exampleJob(2, { payload: undefined })
      const targets = [{ task: 'any' }]
      let starts: Sent[] = []

      return visits(play, () => {
        starts = sent(play.step({ kind: 'accept', job, acceptedAtMs: 2, targets }))
        answerStart(play, starts[0]!)
        end(play, starts[0]!.executions[0]!)
        play.step({ kind: 'worker-state', worker: starts[0]!.worker, state: 'waiting', sinceMs: 0 })
      })
    }

    expect(cost(1_000)).toBe(cost(20))
    expect(cost(1_000)).toBeLessThan(60)
  })

  it('does not grow with the jobs that have ended', () => {
    const cost = (ended: number): number => {
      const play = Play.with('a')

      for (let i = 0; i < ended; i++) {
        const job = { ...exampleJob(1, { payload: undefined }), id: `01ARZ3NDEKTSV4RRFFQ${String(i).padStart(7, '0')}` }
        const [start] = sent(play.accept(job))

        end(play, start!.executions[0]!)
      }

      return visits(play, () => { play.step({ kind: 'tick' }) })
    }

    expect(cost(3_000)).toBe(cost(10))
  })
})
