import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hindrancesOf, KEPT_FREE } from '../../../../src/roles/master/coordinator/why.ts'
import { planJob } from '../../../../src/roles/master/coordinator/plan.ts'
import { freezeTargets } from '../../../../src/roles/master/coordinator/targets.ts'
import { MeshmarkError } from '../../../../src/model/errors.ts'
import { Play, exampleJob, workerInfo } from '../fixtures.ts'
import type { JobPlan, PlanPart } from '../../../../src/model/job-plan.ts'
import type { Job } from '../../../../src/model/job.ts'
import type { WorkerInfo } from '../../../../src/model/machine.ts'
import type { CoordinatorEffect } from '../../../../src/roles/master/coordinator/state.ts'

type Planned = Pick<JobPlan, 'tasks' | 'workers' | 'ahead'>

function plan (play: Play, job: Job): Planned {
  return planJob(play.state, job, freezeTargets(play.state, job), job.client, play.nowMs)
}

function rows ({ workers }: Planned): Array<[string, PlanPart, string | undefined]> {
  return workers.map(({ name, part, reason }) => [name, part, reason])
}

/** Workers that are given something of this job. */
function given (effects: CoordinatorEffect[], { id }: Job): string[] {
  const offers = effects.flatMap(effect => effect.kind === 'ask' ? [{ worker: effect.worker, execution: effect.execution }] : effect.kind === 'start' ? effect.starts.map(({ worker, executions }) => ({ worker, execution: executions[0]! })) : [])

  return [...new Set(offers.filter(({ execution }) => execution.startsWith(id)).map(({ worker }) => worker))].sort()
}

/** The task of a map names its worker, so it must be one that there may be. */
const info = (name: string, init: Partial<WorkerInfo> = {}): WorkerInfo => workerInfo(name, { peerId: `12D3KooW${name.repeat(44).slice(0, 44)}`, ...init })

const command = (limits?: Job['limits']): Job['commands'][number] => ({ argv: ['true'], program: { kind: 'name', name: 'true' }, ...(limits == null ? {} : { limits }) })

describe('the plan of a job', () => {
  it('says of each worker whether something of it would be there at once, later or never, and why', () => {
    const play = Play.with('busy', 'drained', 'free')
    const own = exampleJob(1, { payload: undefined, placement: { on: 'names', names: ['busy'], where: [] } })

    play.accept(own)
    play.step({ kind: 'drain', worker: '12D3drained', drain: true })
    play.register(workerInfo('weak', { ceilings: { memoryBytes: 2 ** 20 } }))
    play.register(workerInfo('arm', { resources: { ...workerInfo('arm').resources, arch: 'arm64' } }))

    const planned = plan(play, exampleJob(2, { kind: 'run', limits: { memoryBytes: 2 ** 30 }, placement: { on: 'all', where: [{ key: 'arch', value: 'x64' }] } }))

    expect(rows(planned)).toEqual([
      ['arm', 'none', 'arch is arm64, not x64'],
      ['busy', 'later', `busy with job ${own.id.slice(-8).toLowerCase()}`],
      ['drained', 'none', 'draining'],
      ['free', 'at-once', undefined],
      ['weak', 'refused', '1.0 GB of memory is asked for and it allows 1.0 MB']
    ])
    expect(planned.tasks).toBe(3)
    expect(planned.workers.map(({ tasks }) => tasks)).toEqual([undefined, 1, undefined, 1, 1])
    expect(planned.workers.find(({ name }) => name === 'free')?.limits).toMatchObject({ memoryBytes: 2 ** 30, processes: 512 })
    expect(planned.workers.find(({ name }) => name === 'weak')?.limits).toBeUndefined()
  })

  it('names all that one task would be offered to, and those that come behind them', () => {
    const planned = plan(Play.with('a', 'b', 'c', 'd', 'e'), exampleJob(1))

    expect(planned.workers.filter(({ part }) => part === 'at-once').map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(rows(planned).slice(3)).toEqual([['d', 'later', 'is free, and others come first'], ['e', 'later', 'is free, and others come first']])
  })

  it('counts the commands of each worker of a map, and those that it must not run', () => {
    const play = new Play()

    play.register(info('a'))
    play.register(info('b'))
    play.register(info('smart', { ceilings: { memoryBytes: 2 ** 20 } }))

    const planned = plan(play, exampleJob(1, {
      payload: undefined,
      commands: [command(), command({ memoryBytes: 2 ** 30 })],
      limits: {},
      placement: { on: 'all', where: [] },
      map: { lists: [{ worker: 'a', where: [], entries: [{ command: 0 }, { command: 1 }] }, { worker: 'smart', where: [], entries: [{ command: 0 }, { command: 1 }] }] }
    }))

    expect(planned.tasks).toBe(4)
    expect(rows(planned)).toEqual([
      ['a', 'at-once', undefined],
      ['b', 'none', 'no list of the map is for it'],
      ['smart', 'at-once', '1 of its 2 commands must not run there: 1.0 GB of memory is asked for and it allows 1.0 MB']
    ])
  })

  it('tells how many of one\'s own tasks go first, and not those of others or of a lower priority', () => {
    const play = new Play()
    play.register(workerInfo('a'))
    play.accept(exampleJob(0, { payload: undefined }))

    const items = exampleJob(1, { payload: undefined, each: { items: ['a', 'b', 'c'] } })

    play.accept(items)
    play.accept(exampleJob(2, { payload: undefined, client: 'bob' }))
    expect(plan(play, exampleJob(3, { payload: undefined })).ahead).toBe(3)
    expect(plan(play, exampleJob(3, { payload: undefined, priority: 1 })).ahead).toBe(0)
    expect(plan(play, exampleJob(3, { payload: undefined, client: 'bob' })).ahead).toBe(1)
  })

  it('of a coordinator that has just begun names nobody yet', () => {
    const play = Play.with('a')

    play.state.catchingUp = true
    expect(rows(plan(play, exampleJob(1)))).toEqual([['a', 'later', 'the coordinator has just begun, and asks the workers first what they hold']])
  })

  it('of a hundred thousand items is made without them all', () => {
    const play = Play.with('a')
    const before = play.state.index.visits
    const planned = plan(play, exampleJob(1, { payload: undefined, each: { items: Array.from({ length: 100_000 }, String) } }))

    expect(planned.tasks).toBe(100_000)
    expect(play.state.index.visits).toBe(before)
  })
})

const NAMES = ['a', 'b', 'c', 'd', 'e']
const placements = fc.oneof(
  fc.constantFrom<Job['placement']>({ on: 'any', where: [] }, { on: 'all', where: [] }, { on: 'any', where: [{ key: 'label.zone', value: 'lab' }] }),
  fc.integer({ min: 1, max: 4 }).map(count => ({ on: 'some' as const, count, where: [] })),
  fc.subarray(NAMES, { minLength: 1 }).map(names => ({ on: 'names' as const, names, where: [] }))
)
const jobs = fc.record({
  kind: fc.constantFrom('run' as const, 'exec' as const),
  client: fc.constantFrom('alice', 'bob'),
  placement: placements,
  hasFiles: fc.boolean(),
  items: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  isMap: fc.boolean(),
  isRetried: fc.boolean(),
  memoryBytes: fc.constantFrom(2 ** 20, 2 ** 30),
  priority: fc.integer({ min: -1, max: 1 })
}).map(({ kind, client, placement, hasFiles, items, isMap, isRetried, memoryBytes, priority }) => exampleJob(99, {
  kind,
  client,
  placement,
  priority,
  limits: { memoryBytes },
  ...(hasFiles ? {} : { payload: undefined }),
  ...(kind === 'exec' && placement.on === 'any' && items != null ? { each: { items: Array.from({ length: items }, (_, at) => `${at}`) } } : {}),
  ...(kind === 'exec' && isRetried && !(placement.on === 'all' && isMap) ? { retry: { when: 'on-failure' as const, max: 5, backoffMs: 5, maxBackoffMs: 5 } } : {}),
  ...(kind === 'exec' && placement.on === 'all' && isMap
    ? { commands: [command(), command()], map: { lists: [{ where: [], entries: [{ command: 0 }, { command: 1 }] }, { worker: 'a', where: [], entries: [{ command: 1 }] }] } }
    : {})
}))
const workers = fc.tuple(...NAMES.map(name => fc.record({ slots: fc.integer({ min: 1, max: 3 }), zone: fc.constantFrom('lab', 'hall'), isWeak: fc.boolean(), refuses: fc.boolean(), isThere: fc.boolean() })
  .map(({ slots, zone, isWeak, refuses, isThere }) => isThere ? [info(name, { slots, labels: { zone }, ...(isWeak ? { ceilings: { memoryBytes: 2 ** 25 } } : {}), ...(refuses && isWeak ? { refusal: 'no box' } : {}) })] : [])))
  .map(found => found.flat())
type Happening =
  | { kind: 'accept', job: Job }
  | { kind: 'answer', at: number, how: 'ready' | 'started' | 'done' | 'not-run' | 'busy' }
  | { kind: 'drain' | 'worker-gone' | 'back', at: number }
  | { kind: 'later', ms: number }
const happenings: fc.Arbitrary<Happening[]> = fc.array(fc.oneof<Array<fc.MaybeWeightedArbitrary<Happening>>>(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('accept' as const), job: jobs }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), at: fc.nat(9), how: fc.constantFrom('ready' as const, 'started' as const, 'done' as const, 'not-run' as const, 'busy' as const) }) },
  fc.record({ kind: fc.constantFrom('drain' as const, 'worker-gone' as const, 'back' as const), at: fc.nat(4) }),
  fc.record({ kind: fc.constant('later' as const), ms: fc.constantFrom(10, 600, 2_000) })
), { maxLength: 25 })

/** A coordinator after all this: what makes no sense at that moment is left out. */
function after (infos: WorkerInfo[], story: Happening[]): Play {
  const play = new Play()
  const open: CoordinatorEffect[] = []
  let number = 0

  infos.forEach(info => play.register(info))

  for (const happening of story) {
    if (happening.kind === 'accept') {
      const job = { ...happening.job, id: exampleJob(number++).id }

      open.push(...attempt(() => play.accept(job)) ?? [])
    } else if (happening.kind === 'later') {
      play.nowMs += happening.ms
      open.push(...play.step({ kind: 'tick' }))
    } else if (happening.kind === 'answer') {
      open.push(...answer(play, open, happening))
    } else {
      const info = infos[happening.at]

      open.push(...info == null ? [] : happening.kind === 'back' ? play.register(info) : play.step(happening.kind === 'drain' ? { kind: 'drain', worker: info.peerId, drain: true } : { kind: 'worker-gone', worker: info.peerId }))
    }
  }

  return play
}

function answer (play: Play, open: CoordinatorEffect[], { at, how }: { at: number, how: 'ready' | 'started' | 'done' | 'not-run' | 'busy' }): CoordinatorEffect[] {
  const said = open.filter(effect => effect.kind === 'ask' || effect.kind === 'start')
  const effect = said[at % Math.max(said.length, 1)]

  if (effect == null) {
    return []
  }

  const [worker, executions] = effect.kind === 'ask' ? [effect.worker, [effect.execution]] : [effect.starts[0]!.worker, effect.starts[0]!.executions]
  const [job, task, , attempt] = executions[0]!.split('/')

  switch (how) {
    case 'ready': return play.step({ kind: 'answer', worker, execution: executions[0]!, reply: { kind: 'ready', leaseMs: 5_000, hasPayload: true } })
    case 'busy': return play.step({ kind: 'answer', worker, execution: executions[0]!, reply: { kind: 'busy', reason: 'busy' } })
    case 'started': return play.step({ kind: 'outcomes', worker, outcomes: executions.map(execution => ({ execution, outcome: { kind: 'started' } })) })
    case 'done':
    case 'not-run': return play.step({ kind: 'result', key: { job: job!, task: task!, worker, attempt: Number(attempt) }, outcome: how })
  }
}

function attempt<T> (work: () => T): T | undefined {
  try {
    return work()
  } catch (err) {
    if (err instanceof MeshmarkError) {
      return undefined
    }

    throw err
  }
}

describe('the plan of any job in any state', () => {
  it('is what happens when it is then submitted, in words that show JOB has then, and changes nothing', () => {
    fc.assert(fc.property(workers, happenings, jobs, (infos, story, job) => {
      const play = after(infos, story)
      const targets = attempt(() => freezeTargets(play.state, job))

      if (targets == null) {
        return
      }

      const planned = planJob(play.state, job, targets, job.client, play.nowMs)

      // asked twice it says the same: the first time has left no trace
      expect(planJob(play.state, job, targets, job.client, play.nowMs)).toEqual(planned)

      const effects = play.step({ kind: 'accept', job, acceptedAtMs: play.nowMs, targets })
      const entry = play.state.jobs.get(job.id)!
      const tasks = [...entry.tasks.values()]

      expect(planned.tasks).toBe(tasks.length)
      expect(planned.workers.filter(({ part }) => part === 'at-once').map(({ worker }) => worker).sort()).toEqual(given(effects, job))

      for (const { worker, part, tasks: count } of planned.workers) {
        const own = tasks.filter(({ target }) => target === worker)

        expect(own).toHaveLength(count ?? 0)
        expect(part === 'refused').toBe(own.length > 0 && own.every(({ state }) => state === 'not-run'))
      }

      for (const { reason, workers: names } of hindrancesOf(play.state, entry, job.client, play.nowMs)) {
        for (const name of names) {
          const row = planned.workers.find(worker => worker.name === name)

          // of a place that is kept free for others these may have taken it in the same step
          expect(row?.part === 'at-once' || row?.reason?.startsWith(reason) || (row?.reason === KEPT_FREE && reason.startsWith('busy with')), `${name}: ${reason}; planned ${JSON.stringify(row)}`).toBe(true)
        }
      }
    }), { numRuns: 300 })
  })
})
