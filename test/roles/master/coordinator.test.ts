import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { freezeTargets } from '../../../src/roles/master/coordinator/targets.ts'
import { LEAST_SANDBOX } from '../../model/sandbox-facts.ts'
import { Play, asked, exampleJob, startsIn, workerInfo } from './fixtures.ts'
import type { Job } from '../../../src/model/job.ts'
import type { SandboxFacts } from '../../../src/model/machine.ts'
import type { Placement } from '../../../src/model/placement.ts'

const ALL: Placement = { on: 'all', where: [] }

describe('between clients', () => {
  it('the one with less under way is served first, whoever came first and asked for most', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 6 }), (jobs, free) => {
      const play = Play.with('w0')
      // the only worker is busy while the jobs come in
      const first = exampleJob(0, { client: 'greedy' })
      play.accept(first)
      play.ready(first, 'any', '12D3w0')
      play.started(first, 'any', '12D3w0')

      for (let i = 1; i <= jobs; i++) {
        expect(asked(play.accept(exampleJob(i, { client: 'greedy' })))).toEqual([])
      }

      const modest = exampleJob(jobs + 1, { client: 'modest' })
      expect(asked(play.accept(modest))).toEqual([])

      const order: string[] = []
      for (let i = 1; i <= free; i++) {
        order.push(...asked(play.register(workerInfo(`w${i}`))).map(({ job }) => job))
      }

      expect(order[0]).toBe(modest.id)
      // then the oldest
      expect(order.slice(1, 2).every(job => job === exampleJob(1).id)).toBe(true)
    }))
  })

  it('jobs of one client go in the order in which they were accepted', () => {
    const play = Play.with()
    play.register(workerInfo('busy', { refusal: undefined }))
    const running = exampleJob(0)
    play.accept(running)
    play.ready(running, 'any', '12D3busy')
    play.started(running, 'any', '12D3busy')
    const jobs = [5, 3, 4].map(number => exampleJob(number))
    jobs.forEach(job => play.accept(job))

    const order = ['a', 'b', 'c'].flatMap(name => asked(play.register(workerInfo(name))).map(({ job }) => job))
    expect(order).toEqual(jobs.map(job => job.id))
  })
})

describe('a measured job on several workers', () => {
  const job = exampleJob(1, { kind: 'run', placement: ALL })

  it('starts on all of them together, when the last one is ready', () => {
    const play = Play.with('a', 'b', 'c')
    expect(asked(play.accept(job)).map(({ worker }) => worker)).toEqual(['12D3a', '12D3b', '12D3c'])
    expect(startsIn(play.ready(job, '12D3a', '12D3a'))).toEqual([])
    expect(startsIn(play.ready(job, '12D3b', '12D3b'))).toEqual([])
    const effects = play.ready(job, '12D3c', '12D3c')
    expect(startsIn(effects)).toEqual([{ workers: ['12D3a', '12D3b', '12D3c'], together: true }])
    // on disk before
    expect(effects.findIndex(effect => effect.kind === 'start')).toBeGreaterThan(effects.findLastIndex(effect => effect.kind === 'persist-assign'))
    expect([...play.state.jobs.get(job.id)!.tasks.values()].map(task => task.simultaneous)).toEqual([true, true, true])
  })

  it('leaves out of the group the one that is not ready in time', () => {
    const play = Play.with('a', 'b', 'c')
    play.accept(job)
    play.ready(job, '12D3a', '12D3a')
    play.ready(job, '12D3b', '12D3b')
    play.nowMs += 10_000
    expect(startsIn(play.step({ kind: 'tick' }))).toEqual([])

    // it goes on saying that it lives
    for (let i = 0; i < 6; i++) {
      play.nowMs += 10_000
      const effects = [...['a', 'b', 'c'].flatMap(name => play.step({ kind: 'worker-state', worker: `12D3${name}`, state: 'reserved', sinceMs: 0 })), ...play.step({ kind: 'tick' })]

      if (startsIn(effects).length > 0) {
        expect(startsIn(effects)).toEqual([{ workers: ['12D3a', '12D3b'], together: true }])
        expect(startsIn(play.ready(job, '12D3c', '12D3c'))).toEqual([{ workers: ['12D3c'], together: false }])
        expect([...play.state.jobs.get(job.id)!.tasks.values()].map(task => task.simultaneous)).toEqual([true, true, false])
        return
      }
    }

    expect.unreachable('the group waits for ever')
  })

  it('starts without the one that is busy with something else', () => {
    const play = Play.with('a')
    const other = exampleJob(2)
    play.accept(other)
    play.ready(other, 'any', '12D3a')
    play.started(other, 'any', '12D3a')
    play.register(workerInfo('b'))
    play.register(workerInfo('c'))
    expect(asked(play.accept(job)).map(({ worker }) => worker)).toEqual(['12D3b', '12D3c'])
    play.ready(job, '12D3b', '12D3b')
    expect(startsIn(play.ready(job, '12D3c', '12D3c'))).toEqual([{ workers: ['12D3b', '12D3c'], together: true }])

    play.done(other, 'any', '12D3a')
    play.step({ kind: 'worker-state', worker: '12D3a', state: 'waiting', sinceMs: 0 })
    expect(startsIn(play.ready(job, '12D3a', '12D3a'))).toEqual([{ workers: ['12D3a'], together: false }])
  })

  it('a member whose worker goes away does not hold up the others', () => {
    const play = Play.with('a', 'b')
    play.accept(job)
    play.ready(job, '12D3a', '12D3a')
    expect(startsIn(play.step({ kind: 'worker-gone', worker: '12D3b' }))).toEqual([{ workers: ['12D3a'], together: false }])
  })
})

describe('a job for anybody', () => {
  it('goes to the first that is ready, and the others are let go', () => {
    const play = Play.with('a', 'b', 'c', 'd')
    const job = exampleJob(1)
    // not to all of a large mesh at once
    expect(asked(play.accept(job))).toHaveLength(3)
    const effects = play.ready(job, 'any', '12D3b')
    expect(effects.filter(effect => effect.kind === 'rollback').map(effect => effect.kind === 'rollback' && effect.worker).sort()).toEqual(['12D3a', '12D3c'])
    expect(startsIn(effects)).toEqual([{ workers: ['12D3b'], together: false }])
    // too late
    expect(play.ready(job, 'any', '12D3a')).toContainEqual({ kind: 'rollback', worker: '12D3a', execution: play.execution(job, 'any', '12D3a') })
  })

  it('whose START got no answer waits for that very worker', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1)
    play.accept(job)
    play.ready(job, 'any', '12D3a')
    play.step({ kind: 'stream-lost', worker: '12D3a', executions: [play.execution(job, 'any', '12D3a')], reason: 'broke' })
    play.nowMs += 20_000
    expect(asked(play.step({ kind: 'worker-state', worker: '12D3b', state: 'waiting', sinceMs: 0 })).filter(({ worker }) => worker === '12D3b')).toEqual([])
    expect(play.state.jobs.get(job.id)!.tasks.get('any')).toMatchObject({ state: 'starting', worker: '12D3a' })
  })

  it('whose START was never said goes elsewhere', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1)
    play.accept(job)
    play.ready(job, 'any', '12D3a')
    const execution = play.execution(job, 'any', '12D3a')
    expect(asked(play.step({ kind: 'stream-lost', worker: '12D3a', executions: [execution], unsent: [execution], reason: 'not to be reached' }))).toMatchObject([{ worker: '12D3b' }])
    play.ready(job, 'any', '12D3b')
    expect(play.state.jobs.get(job.id)!.tasks.get('any')).toMatchObject({ state: 'starting', worker: '12D3b' })
  })

  it('keeps the first result, and never another worker\'s', () => {
    const play = Play.with('a', 'b')
    const job = exampleJob(1)
    play.accept(job)
    play.ready(job, 'any', '12D3a')
    play.done(job, 'any', '12D3a')
    play.step({ kind: 'result', key: { job: job.id, task: 'any', worker: '12D3b', attempt: 0 }, outcome: 'failed' })
    expect(play.state.jobs.get(job.id)!.tasks.get('any')).toMatchObject({ state: 'done', worker: '12D3a' })
  })
})

describe('who a job is for', () => {
  const play = Play.with('lab-1', 'lab-2')
  play.register(workerInfo('old', { resources: { ...workerInfo('old').resources, arch: 'arm64' } }))
  play.register(workerInfo('broken', { refusal: 'no box can be built here' }))
  play.register(workerInfo('full'))
  play.step({ kind: 'drain', worker: '12D3full', drain: true })
  play.register(workerInfo('away'))
  play.step({ kind: 'worker-gone', worker: '12D3away' })

  const why = (placement: Placement): string => {
    try {
      return freezeTargets(play.state, { placement, limits: {} }).map(target => target.info?.name ?? target.task).join(' ')
    } catch (err: any) {
      return `${err.code}: ${err.message}`
    }
  }

  it('is everybody who fits, in the order of their names', () => {
    expect(why(ALL)).toBe('lab-1 lab-2 old')
    expect(why({ on: 'any', where: [] })).toBe('any')
  })

  it('is everybody named, once, by name or peer id', () => {
    expect(why({ on: 'names', names: ['old', 'lab-1', '12D3old'], where: [] })).toBe('old lab-1')
  })

  it.each([
    ['broken', /^no-worker: no worker 'broken' is ready for work: broken: no box can be built here$/],
    ['full', /'full' is ready for work: full: draining$/],
    ['away', /'away' is ready for work: away: not connected$/]
  ])('says why %s cannot', (name, pattern) => {
    expect(why({ on: 'names', names: ['lab-1', name], where: [] })).toMatch(pattern)
  })

  it('names those that there are when a name is nobody\'s', () => {
    expect(why({ on: 'names', names: ['lab-1', 'lab-9'], where: [] })).toBe('no-worker: no worker is called \'lab-9\': there are away, broken, full, lab-1, lab-2, old')
    const one = Play.with('lab-1')
    expect(() => freezeTargets(one.state, { placement: { on: 'names', names: ['lab-2'], where: [] }, limits: {} })).toThrow('no worker is called \'lab-2\': there is lab-1')
  })

  it('does not list a whole fleet', () => {
    const fleet = Play.with(...Array.from({ length: 30 }, (_, i) => `w${String(i).padStart(2, '0')}`))
    expect(() => freezeTargets(fleet.state, { placement: { on: 'names', names: ['x'], where: [] }, limits: {} })).toThrow(/w00, .*w19 and 10 more \(see meshmark nodes\)$/)
  })

  it('says what to do when there is nobody at all', () => {
    for (const placement of [ALL, { on: 'names', names: ['x'], where: [] }] as Placement[]) {
      expect(() => freezeTargets(new Play().state, { placement, limits: {} })).toThrow(/none has joined yet: start one with meshmark worker/)
    }
  })
})

describe('a job that insists on protections or on limits', () => {
  const facts = (uidMode: SandboxFacts['uidMode']): SandboxFacts => ({ ...LEAST_SANDBOX, uidMode })
  const fleet = (): Play => {
    const play = new Play()

    play.register(workerInfo('good', { sandbox: facts('two-uids') }))
    play.register(workerInfo('shared', { sandbox: facts('shared') }))
    play.register(workerInfo('small', { sandbox: facts('two-uids'), ceilings: { memoryBytes: 2 ** 30 } }))

    return play
  }
  const demanding = (placement: Placement, init: Partial<Job> = {}): Job => exampleJob(1, { placement, limits: {}, require: ['two-uids'], ...init })
  const rows = (play: Play, job: Job): string[] => [...play.state.jobs.get(job.id)!.tasks.values()]
    .map(({ info, name, state, reason }) => `${info?.name ?? name} ${state}${reason == null ? '' : `: ${reason}`}`)

  it('has a row for every worker, and those that must not do it say why at once', () => {
    const play = fleet()
    const job = demanding(ALL, { kind: 'run', limits: { memoryBytes: 2 ** 31 } })
    const effects = play.accept(job)

    expect(asked(effects).map(({ worker }) => worker)).toEqual(['12D3good'])
    expect(effects.filter(effect => effect.kind === 'task-changed').map(effect => effect.task)).toEqual(expect.arrayContaining(['12D3shared', '12D3small']))
    expect(rows(play, job)).toEqual([
      'good reserving',
      'shared not-run: its sandbox lacks two-uids, which the job requires',
      'small not-run: 2.0 GB of memory is asked for and it allows 1.0 GB'
    ])
  })

  it('ends when those that may do it have ended, also after a restart of the master', () => {
    const play = fleet()
    const job = demanding({ on: 'names', names: ['shared', 'good'], where: [] })

    play.accept(job)
    play.ready(job, '12D3good', '12D3good')
    play.started(job, '12D3good', '12D3good')
    expect(play.state.jobs.get(job.id)!.finishedAtMs).toBeUndefined()
    expect(play.done(job, '12D3good', '12D3good')).toContainEqual(expect.objectContaining({ kind: 'job-ended' }))

    const again = fleet()
    const targets = freezeTargets(play.state, job)

    again.step({ kind: 'restore', job, acceptedAtMs: 1, targets, ended: [{ key: { job: job.id, task: '12D3good', worker: '12D3good', attempt: 0 }, outcome: 'done' }], assigned: [], cancelled: false })
    expect(again.state.jobs.get(job.id)!.finishedAtMs).toBeDefined()
    expect(rows(again, job)).toEqual(rows(play, job))
  })

  it('is never given to any other free worker', () => {
    const play = fleet()
    const job = demanding({ on: 'any', where: [] }, { limits: { memoryBytes: 2 ** 31 } })

    expect(asked(play.accept(job)).map(({ worker }) => worker)).toEqual(['12D3good'])
  })

  it('runs where the default is lowered: it did not ask for more', () => {
    const play = fleet()

    expect(asked(play.accept(demanding({ on: 'names', names: ['small'], where: [] }))).map(({ worker }) => worker)).toEqual(['12D3small'])
  })

  it.each<[string, Placement]>([
    ['all', ALL],
    ['any', { on: 'any', where: [] }],
    ['its name', { on: 'names', names: ['shared'], where: [] }]
  ])('is refused when nobody on %s can do it, with what is missing', (_, placement) => {
    const play = new Play()

    play.register(workerInfo('shared', { sandbox: facts('shared') }))
    expect(() => freezeTargets(play.state, demanding(placement))).toThrow(expect.objectContaining({
      code: 'no-worker',
      message: expect.stringMatching(/can take this job: shared: its sandbox lacks two-uids, which the job requires$/)
    }))
  })
})
