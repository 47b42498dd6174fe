import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALL_JOBS, jobLines, LATEST_JOBS, olderPath, type JobChoice } from '../../src/dashboard/state/jobs.ts'
import { NO_JOB, reduceJob, type JobMessage } from '../../src/dashboard/state/job.ts'
import { numberInList } from '../../src/dashboard/state/map-number.ts'
import { NO_MESH, reduceMesh } from '../../src/dashboard/state/mesh.ts'
import { hrefOf, parseRoute, placeOf } from '../../src/dashboard/state/route.ts'
import { rowOfKey } from '../../src/dashboard/state/row-keys.ts'
import { Store } from '../../src/dashboard/state/store.ts'
import { placesOf, toDraw, windowOf } from '../../src/dashboard/state/window.ts'
import { ALL_WORKERS, stateCounts, workerLines } from '../../src/dashboard/state/workers.ts'
import { joinLine } from '../../src/dashboard/text/join-line.ts'
import { age, exactInstant, shortInstant, timeOfDay, zonedInstant } from '../../src/dashboard/text/times.ts'
import type { MeshEvent, NodeState } from '../../src/http/exchange/mesh-changes.ts'
import type { JobRow, TaskView } from '../../src/node/protocol/submit/messages.ts'

function worker (name: string, more: Partial<NodeState> = {}): NodeState {
  return { role: 'worker', peerId: `id-${name}`, name, state: 'waiting', draining: false, sinceAt: 0, heardAt: 0, version: '0.1.0', addresses: [], ...more }
}

function job (id: string, more: Partial<JobRow> = {}): JobRow {
  return { id, title: `./${id}`, kind: 'run', state: 'finished', acceptedAt: 0, tasks: 1, ended: 1, failed: 0, mine: true, ...more }
}

function nodes (all: boolean, rows: NodeState[], more: { gone?: string[], heard?: Record<string, number> } = {}): MeshEvent {
  return { kind: 'nodes', nowMs: 1_000, all, nodes: rows, changed: {}, gone: [], heard: {}, ...more }
}

describe('the state of the mesh', () => {
  it('follows what has changed, who is gone and who was heard', () => {
    const state = [nodes(true, [worker('a'), worker('b'), worker('c')]), nodes(false, [worker('b', { state: 'running' })], { gone: ['id-c'], heard: { 'id-a': 7, 'id-x': 8 } })]
      .reduce((state, event) => reduceMesh(state, event, 400), NO_MESH)

    expect([...state.nodes.values()].map(({ name, state, heardAt }) => [name, state, heardAt])).toEqual([['a', 'waiting', 7], ['b', 'running', 0]])
    expect(state.aheadMs).toBe(600)
  })

  it('forgets what it knew when another master tells everything', () => {
    const state = [nodes(true, [worker('a'), worker('b')]), nodes(true, [worker('b')])].reduce((state, event) => reduceMesh(state, event, 0), NO_MESH)

    expect([...state.nodes.keys()]).toEqual(['id-b'])
  })

  it('follows jobs in the same way', () => {
    const events: MeshEvent[] = [
      { kind: 'jobs', nowMs: 0, all: true, jobs: [job('a'), job('b')], changed: {}, gone: [], more: true },
      { kind: 'jobs', nowMs: 0, all: false, jobs: [job('c')], changed: { b: { failed: 1 }, z: { failed: 2 } }, gone: ['a'], more: false }
    ]
    const { jobs, hasMoreJobs } = events.reduce((state, event) => reduceMesh(state, event, 0), NO_MESH)

    expect([...jobs.values()]).toEqual([job('b', { failed: 1 }), job('c')])
    expect(hasMoreJobs).toBe(false)
  })
})

describe('the workers that are shown', () => {
  const all = [worker('lab-10'), worker('lab-9', { state: 'running', draining: true }), worker('pi', { state: 'lost' }), { ...worker('m'), role: 'master' as const, state: 'coordinator' as const }]

  it('stand by name as people count, without masters', () => {
    expect(workerLines(all, ALL_WORKERS).map(({ key }) => key)).toEqual(['id-lab-9', 'id-lab-10', 'id-pi'])
  })

  it('are those that fit, below a line for each group', () => {
    expect(workerLines(all, { words: 'LAB', state: '', by: 'state' }).map(line => line.kind === 'group' ? `${line.title}: ${line.count}` : line.node.name)).toEqual(['running, draining: 1', 'lab-9', 'waiting: 1', 'lab-10'])
    expect(workerLines(all, { words: '', state: 'lost', by: 'none' }).map(({ key }) => key)).toEqual(['id-pi'])
  })

  it('are counted by state', () => {
    expect(stateCounts([...all, worker('x')])).toEqual([{ state: 'waiting', count: 2 }, { state: 'lost', count: 1 }, { state: 'running, draining', count: 1 }])
  })
})

describe('the jobs that are shown', () => {
  it('are those that fit, the latest first', () => {
    const jobs = [job('a', { acceptedAt: 1 }), job('b', { acceptedAt: 3, state: 'running' }), job('c', { acceptedAt: 2, failed: 1, name: 'nightly' })]

    expect(jobLines(jobs, ALL_JOBS).map(({ id }) => id)).toEqual(['b', 'c', 'a'])
    expect(jobLines(jobs, { words: '', state: 'open' }).map(({ id }) => id)).toEqual(['b'])
    expect(jobLines(jobs, { words: 'NIGHT', state: 'failed' }).map(({ id }) => id)).toEqual(['c'])
  })

  it('are asked of a master where the page was not told of all, with the conditions that it knows', () => {
    const choices: JobChoice[] = [ALL_JOBS, { words: ' ', state: '' }, { words: 'a', state: '' }, { words: 'a', state: 'open' }, { words: '', state: 'failed' }, { words: 'a', state: 'cancelled' }]

    expect(choices.map(choice => olderPath(choice, LATEST_JOBS))).toEqual([undefined, undefined, '/v1/jobs?limit=10000', undefined, '/v1/jobs?limit=10000&failed=true', '/v1/jobs?limit=10000&state=cancelled'])
    expect(choices.flatMap(choice => olderPath(choice, LATEST_JOBS - 1) ?? [])).toEqual([])
  })
})

describe('the state of a job', () => {
  const task: TaskView = { task: 't', workerName: 'lab', state: 'running', attempt: 0 }

  it('follows its tasks, and drops what was being done with the state it belonged to', () => {
    const events: JobMessage[] = [
      { kind: 'task', view: { ...task, state: 'sending' } },
      { kind: 'transfer', task: 't', chunks: 1, of: 4 },
      { kind: 'progress', task: 'unknown', command: 0, runs: 1 }
    ]
    const state = events.reduce(reduceJob, NO_JOB)

    expect([...state.tasks.keys()]).toEqual(['t'])
    expect(state.tasks.get('t')?.doing).toBe('has 1 of 4 pieces of the payload')

    const later = ([{ kind: 'task', view: task }, { kind: 'progress', task: 't', command: 0, runs: 3, of: 10, medianNs: 5 }] as JobMessage[]).reduce(reduceJob, state)

    expect(later.tasks.get('t')).toEqual({ view: task, progress: { command: 0, runs: 3, of: 10, medianNs: 5 } })
  })

  it('keeps of items those that went wrong', () => {
    const item = { task: '1', workerName: 'lab', stdoutBytes: 0, stderrBytes: 0 }
    const printed = { stdout: { text: 'much' } }
    const state = reduceJob(NO_JOB, { kind: 'items', items: [{ ...item, state: 'done' }, { ...item, ...printed, task: '2', state: 'failed', reason: 'exit 3' }] })

    expect(state.failedItems).toEqual([{ task: '2', workerName: 'lab', state: 'failed', reason: 'exit 3' }])
  })

  it('keeps nothing of what items print, which is shown nowhere', () => {
    const view = (job: object): JobMessage => ({ kind: 'job', view: { job, state: 'running', acceptedAt: 0, tasks: [] } }) as never
    const printed: JobMessage = { kind: 'output', execution: 'e', task: '1', stream: 'stdout', offset: 0, text: 'x' }

    expect([view({ each: { count: 2 } }), printed].reduce(reduceJob, NO_JOB).output.size).toBe(0)
    expect([view({}), printed].reduce(reduceJob, NO_JOB).output.size).toBe(1)
  })

  it('counts the commands of a worker over all of its lists', () => {
    const [lab, pi] = ['QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', 'QmPZ9gcCEpqKTo6aq61g2nXGUhM4iCL3ewB6LDXZCtioEB']
    const tasks = [`${lab}.0.0`, `${pi}.0.0`, `${lab}.2.0`, `${lab}.10.0`, `${lab}.2.1`]

    expect(tasks.map(task => numberInList(tasks, task))).toEqual([1, 1, 2, 4, 3])
  })
})

describe('the parts of a page', () => {
  it('are found by the fragment that leads to them', () => {
    for (const route of [{ view: 'mesh' }, { view: 'mesh', worker: 'a/b c' }, { view: 'jobs' }, { view: 'job', id: '01J' }] as const) {
      expect(parseRoute(hrefOf(route))).toEqual(route)
    }

    expect(parseRoute('')).toEqual({ view: 'mesh' })
    expect(parseRoute('#/%zz/1/2')).toEqual({ view: 'unknown' })
  })

  it('are drawn with some beyond those that are seen, which does until there are few left', () => {
    const seen = windowOf(36, 3_600, 360)
    const { window, waitMs } = toDraw({ first: 90, end: 105, atMs: 990 }, seen, 1_000)!

    expect(seen).toEqual({ first: 100, end: 110 })
    expect([window, waitMs]).toEqual([{ first: 92, end: 118 }, 0])
    expect(toDraw({ ...window, atMs: 1_000 }, windowOf(36, 3_800, 360), 1_001)).toBeUndefined()
    expect(toDraw({ ...window, atMs: 1_000 }, windowOf(36, 3_600 + 7 * 36, 360), 1_001)).toMatchObject({ window: { first: 99 } })
    expect(toDraw({ first: 0, end: 23, atMs: 0 }, windowOf(36, 0, 360), 1_000)).toBeUndefined()
  })

  it('are drawn some times a second when they fly by, and the ones beyond when they rest', () => {
    const far = toDraw({ first: 0, end: 30, atMs: 1_000 }, windowOf(36, 36_000, 360), 1_020)

    expect(far).toEqual({ window: { first: 1_000, end: 1_010 }, waitMs: 80 })
    expect(toDraw({ ...far!.window, atMs: 1_100 }, windowOf(36, 36_000, 360), 1_100)).toEqual({ window: { first: 992, end: 1_018 }, waitMs: 100 })
  })

  it('keep their places while they are drawn, and give them to others then', () => {
    const before = placesOf(new Map(), ['a', 'b', 'c'])

    expect([...before.values()]).toEqual([0, 1, 2])
    expect([...placesOf(before, ['c', 'd', 'a', 'e'])]).toEqual([['c', 2], ['d', 1], ['a', 0], ['e', 3]])
    fc.assert(fc.property(fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 })), looks => {
      let places: ReadonlyMap<string, number> = new Map()

      for (const keys of looks.map(look => look.map(String))) {
        const next = placesOf(places, keys)

        expect(new Set(next.values()).size).toBe(keys.length)
        keys.filter(key => places.has(key)).forEach(key => { expect(next.get(key)).toBe(places.get(key)) })
        expect(Math.max(0, ...next.values())).toBeLessThan(24)
        places = next
      }
    }))
  })

  it('are told once of several changes', () => {
    const told: Array<() => void> = []
    const store = new Store(0, tell => { told.push(tell) })
    let count = 0
    const end = store.subscribe(() => { count++ })

    store.set(1)
    store.update(value => value + 1)
    store.set(2)
    told.forEach(tell => { tell() })
    end()
    store.set(3)
    told.slice(1).forEach(tell => { tell() })

    expect([count, told.length, store.value]).toEqual([1, 2, 3])
  })
})

describe('times', () => {
  const at = Date.UTC(2026, 10, 21, 13, 4, 5, 678)

  it('are short in the reader\'s zone', () => {
    expect(shortInstant(at, at + 60_000, 'en', 'Europe/Berlin')).toBe('14:04:05')
    expect(shortInstant(at, at + 86_400_000, 'en', 'Europe/Berlin')).toBe('Nov 21, 14:04')
    expect(shortInstant(at, at + 366 * 86_400_000, 'en', 'Europe/Berlin')).toContain('2026')
  })

  it('are exact beside that', () => {
    expect(exactInstant(at, 'en', 'Europe/Berlin')).toMatch(/14:04:05\.678 .*\(2026-11-21T13:04:05\.678Z\)$/)
  })

  it('are times of day below a chart', () => {
    expect([timeOfDay(at, false, 'en', 'Europe/Berlin'), timeOfDay(at, true, 'en', 'Europe/Berlin')]).toEqual(['14:04', '14:04:05'])
  })

  it('are ages in one step of a unit, never negative', () => {
    expect([-5, 59_999, 60_000, 7_200_000, 200_000_000].map(age)).toEqual(['0 s', '59 s', '1 min', '2 h', '2 d'])
  })
})

describe('the line to join by', () => {
  it('names an address that other machines reach', () => {
    expect(joinLine('T', ['/ip4/127.0.0.1/tcp/4747', '/ip4/10.0.0.5/tcp/4747/p2p/12D3'])).toBe('meshmark join T@10.0.0.5:4747')
    expect(joinLine('T', ['/ip6/fd00::1/tcp/4747'])).toBe('meshmark join T@[fd00::1]:4747')
    expect(joinLine('T', [])).toBe('meshmark join T')
  })
})

describe('the keyboard in a list', () => {
  it('goes row by row, page by page and to the ends, and never beyond', () => {
    const keys = ['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End', 'Tab']

    expect(keys.map(key => rowOfKey(key, 50, 100, 20))).toEqual([51, 49, 70, 30, 0, 99, undefined])
    expect(keys.map(key => rowOfKey(key, 0, 1, 20))).toEqual([0, 0, 0, 0, 0, 0, undefined])
    expect(rowOfKey('ArrowDown', 0, 0, 20)).toBeUndefined()
  })

  it('is brought to the heading of another view, and not of the same with another part open', () => {
    const places = ['#/mesh', '#/mesh/PEER', '#/jobs', '#/jobs/A', '#/jobs/B', '#/compare', '#/compare/A/B', '#/submit', '#/submit/A'].map(fragment => placeOf(parseRoute(fragment)))

    expect(places[0]).toBe(places[1])
    expect(places[5]).toBe(places[6])
    expect(new Set(places).size).toBe(7)
  })
})

describe('an instant of a chart', () => {
  it('is in the zone of the reader, and says which', () => {
    expect(zonedInstant(Date.UTC(2026, 10, 22, 2, 42, 54), 'en-GB', 'Europe/Berlin')).toBe('22 Nov 2026, 03:42:54 CET')
  })
})
