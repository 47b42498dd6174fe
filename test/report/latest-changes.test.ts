import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activitiesOf } from '../../src/report/activity.ts'
import { LatestChanges } from '../../src/report/latest-changes.ts'
import { PROFILE_CSV_HEADING, profileCsvLine } from '../../src/report/profile-csv.ts'
import type { ProfileChange } from '../../src/model/profile.ts'

function state (name: string, state: 'waiting' | 'running' | 'lost', atMs: number): ProfileChange {
  return { kind: 'state', atMs, worker: `id-${name}`, workerName: name, state, slots: 1 }
}

function task (name: string, atMs: number): ProfileChange {
  return { kind: 'task', atMs, worker: `id-${name}`, workerName: name, outcome: 'done', startedAtMs: atMs, endedAtMs: atMs }
}

const changes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('waiting' as const, 'running' as const, 'lost' as const, undefined)), { maxLength: 40 })
  .map(list => list.map(([name, to], at) => to == null ? task(name, at) : state(name, to, at)))

describe('the latest of many changes', () => {
  it('are all of them where there is room', () => {
    const latest = new LatestChanges(3)
    const all = [state('a', 'waiting', 1), task('a', 2), task('b', 3)]

    latest.add(all)
    expect(latest.take()).toEqual({ changes: all, truncated: false })
  })

  it('tell of the time that is kept what all would have told', () => {
    fc.assert(fc.property(changes, fc.integer({ min: 1, max: 10 }), (all, limit) => {
      const latest = new LatestChanges(limit)

      all.forEach(change => { latest.add([change]) })

      const { changes: kept, truncated } = latest.take()

      expect(truncated).toBe(all.length > limit)
      expect(kept.slice(-Math.min(limit, all.length))).toEqual(all.slice(-limit))

      if (truncated) {
        const window = { fromMs: kept[0]!.atMs, untilMs: 100 }
        const spans = (of: ProfileChange[]): unknown => activitiesOf(of, window)
          .map(({ name, spans }) => ({ name, spans: spans.filter(({ untilMs, state }) => untilMs > window.fromMs && state !== 'lost') }))
          .filter(({ spans }) => spans.length > 0)

        expect(spans(kept)).toEqual(spans(all))
      }
    }))
  })
})

describe('a change as a line of CSV', () => {
  it('has a place for everything, and quotes what has commas', () => {
    const line = profileCsvLine({ ...state('a', 'lost', 0), state: 'failed, restarting' } as ProfileChange)

    expect(line).toBe('1970-01-01T00:00:00.000Z,state,a,id-a,"failed, restarting",1,,,,,\n')
    expect(line.replace(/".*"/, '').split(',')).toHaveLength(PROFILE_CSV_HEADING.split(',').length)
  })
})
