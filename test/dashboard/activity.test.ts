import { describe, expect, it } from 'vitest'
import { Activities, changeOf, chosenChanges } from '../../src/dashboard/state/activity.ts'
import { waitToDraw } from '../../src/dashboard/state/pace.ts'
import { namesOf } from '../../src/dashboard/state/names.ts'
import { joinPlace, splitPlace } from '../../src/dashboard/state/place.ts'
import { hrefOf, parseRoute } from '../../src/dashboard/state/route.ts'
import { changeRecord } from '../../src/report/profile-file.ts'
import type { ProfileChange } from '../../src/model/profile.ts'

const state = (worker: string, atMs: number): ProfileChange => ({ kind: 'state', atMs, worker, workerName: `lab-${worker}`, state: 'running', slots: 1 })
const task: ProfileChange = { kind: 'task', atMs: 5_000, worker: '1', workerName: 'lab-1', outcome: 'done', startedAtMs: 1_000, endedAtMs: 4_000, job: '01M80EW4AH39C49F0ETE7K6ME2', task: 't' }
const { job: _, task: __, ...somebodys } = task

describe('what the workers did, in the page', () => {
  it('is read as it was written', () => {
    for (const change of [state('1', 1_000), task, somebodys]) {
      expect(changeOf(changeRecord(change))).toEqual(change)
    }

    expect(changeOf({ kind: 'of a later version' })).toBeUndefined()
  })

  it('begins anew with every stream, for each tells all that there is', () => {
    const activities = new Activities()

    activities.begin()
    activities.add(10_000, [changeRecord(state('1', 1_000)), changeRecord(task)], 9_000)
    activities.begin()
    activities.add(20_000, [changeRecord(state('1', 1_000))], 19_500)

    expect(activities.changes).toEqual([state('1', 1_000)])
    expect(activities).toMatchObject({ aheadMs: 500, version: 2 })
  })

  it('is of the workers that are asked for, and of no more than can be drawn', () => {
    const changes = ['10', '9', '2', '30'].map(worker => state(worker, 1))

    expect(chosenChanges(changes, '', 2)).toEqual({ changes: [changes[1], changes[2]], workers: 4, shown: 2 })
    expect(chosenChanges(changes, 'LAB 0', 9).changes.map(({ worker }) => worker)).toEqual(['10', '30'])
    expect(chosenChanges(changes, 'nobody', 9)).toEqual({ changes: [], workers: 0, shown: 0 })
  })
})

describe('a chart whose data change all the time', () => {
  it('is drawn at once after a rest, else when the pause is over', () => {
    expect(waitToDraw(1_000, undefined, 400)).toBe(0)
    expect(waitToDraw(1_000, 500, 400)).toBe(0)
    expect(waitToDraw(1_000, 900, 400)).toBe(300)
    // a clock that went back does not stop it
    expect(waitToDraw(0, 900, 400)).toBe(400)
  })
})

describe('places of comparisons and histories', () => {
  it('are in the address', () => {
    for (const route of [{ view: 'compare' }, { view: 'compare', base: 'a.0' }, { view: 'compare', base: 'a', other: 'b.1' }, { view: 'history' }, { view: 'history', name: 'a/b c' }, { view: 'activity' }] as const) {
      expect(parseRoute(hrefOf(route))).toEqual(route)
    }

    expect(parseRoute('#/jobs/a/b')).toEqual({ view: 'unknown' })
    expect(parseRoute('#/activity/a')).toEqual({ view: 'unknown' })
  })

  it('name a job, or a command of it', () => {
    expect(splitPlace('01M80EW4AH39C49F0ETE7K6ME2.12')).toEqual({ job: '01M80EW4AH39C49F0ETE7K6ME2', command: 12 })
    expect(splitPlace('x')).toEqual({ job: 'x' })
    expect(splitPlace(joinPlace('x', 0))).toEqual({ job: 'x', command: 0 })
    expect(joinPlace('x', undefined)).toBe('x')
  })

  it('are the names of measured jobs, the latest first', () => {
    const job = (name: string | undefined, acceptedAt: number, kind: 'run' | 'exec' = 'run'): never => ({ name, acceptedAt, kind }) as never

    expect(namesOf([job('old', 1), job('new', 2), job('old', 3), job(undefined, 4), job('other', 9, 'exec')])).toEqual([{ name: 'old', jobs: 2 }, { name: 'new', jobs: 1 }])
  })
})
