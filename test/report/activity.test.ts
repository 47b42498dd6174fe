import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activitiesOf, lanesOf, windowOf } from '../../src/report/activity.ts'
import { parseProfile, renderProfile } from '../../src/report/profile-file.ts'
import type { ProfileChange } from '../../src/model/profile.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

function state (name: string, state: 'waiting' | 'running' | 'lost', atMs: number): ProfileChange {
  return { kind: 'state', atMs, worker: `id-${name}`, workerName: name, state, slots: 1 }
}

function task (name: string, startedAtMs: number, endedAtMs: number): ProfileChange {
  return { kind: 'task', atMs: endedAtMs + 5, worker: `id-${name}`, workerName: name, outcome: 'done', startedAtMs, endedAtMs, job: JOB, task: '1' }
}

describe('what workers did', () => {
  it('is a line for each, by name as people count, with the time in which it ran something', () => {
    const activities = activitiesOf([
      state('lab-10', 'waiting', 0), state('lab-2', 'waiting', 0),
      state('lab-2', 'running', 100), state('lab-2', 'waiting', 400), task('lab-2', 150, 350), task('lab-2', 500, 600)
    ], { fromMs: 0, untilMs: 1_000 })

    expect(activities.map(({ name, busyMs, state }) => ({ name, busyMs, state }))).toEqual([{ name: 'lab-2', busyMs: 400, state: 'waiting' }, { name: 'lab-10', busyMs: 0, state: 'waiting' }])
    expect(activities[0]!.spans).toEqual([
      { fromMs: 0, untilMs: 100, state: 'waiting' }, { fromMs: 100, untilMs: 400, state: 'running' }, { fromMs: 400, untilMs: 1_000, state: 'waiting' }
    ])
  })

  it('is cut to the time that is looked at', () => {
    const [activity] = activitiesOf([state('a', 'running', 10), task('a', 50, 150), task('a', 900, 2_000), task('a', 10, 90)], { fromMs: 100, untilMs: 1_000 })

    expect(activity!.spans).toEqual([{ fromMs: 100, untilMs: 1_000, state: 'running' }])
    expect(activity!.tasks.map(({ fromMs, untilMs }) => [fromMs, untilMs])).toEqual([[100, 150], [900, 1_000]])
  })

  it('is never busier than the time is long, and its spans do not overlap', () => {
    const change = fc.oneof(
      fc.record({ atMs: fc.nat(1_000), to: fc.constantFrom('waiting' as const, 'running' as const, 'lost' as const), name: fc.constantFrom('a', 'b') }).map(({ atMs, to, name }) => state(name, to, atMs)),
      fc.record({ from: fc.nat(1_000), ms: fc.nat(300), name: fc.constantFrom('a', 'b') }).map(({ from, ms, name }) => task(name, from, from + ms))
    )

    fc.assert(fc.property(fc.array(change, { maxLength: 30 }), changes => {
      for (const { busyMs, spans } of activitiesOf(changes, { fromMs: 100, untilMs: 900 })) {
        expect(busyMs).toBeGreaterThanOrEqual(0)
        expect(busyMs).toBeLessThanOrEqual(800)
        spans.forEach((span, at) => {
          expect(span.untilMs).toBeGreaterThan(span.fromMs)
          expect(span.fromMs).toBeGreaterThanOrEqual(spans[at - 1]?.untilMs ?? 100)
        })
      }
    }))
  })

  it('puts beside each other only what ran at the same time', () => {
    expect(lanesOf([{ fromMs: 0, untilMs: 10 }, { fromMs: 5, untilMs: 8 }, { fromMs: 8, untilMs: 12 }, { fromMs: 10, untilMs: 20 }])).toEqual([0, 1, 1, 0])
  })

  it('comes back from its file as it was', () => {
    const changes = [state('b', 'lost', 1_700_000_000_000), task('a\u009b', 1_700_000_000_100, 1_700_000_000_900)]
    const profile = { ...windowOf(changes)!, changes }

    expect(parseProfile(renderProfile(profile), 'x.json')).toEqual(profile)
  })

  it.each([
    ['{}', 'x.json: format is missing'],
    ['{"format":"meshmark profile","version":2}', 'version is 2'],
    ['{"format":"meshmark profile","version":1,"from":"now","until":"2026-01-01T00:00:00Z","changes":[]}', 'from is "now": it must be a time'],
    ['{"format":"meshmark profile","version":1,"from":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z","changes":[{"kind":"x","at":"2026-01-01T00:00:00Z","worker":"a","peer_id":"b"}]}', "changes[0].kind is \"x\": it must be 'state' or 'task'"]
  ])('is refused with the field that is wrong: %s', (text, message) => {
    expect(() => parseProfile(text, 'x.json')).toThrow(message)
  })
})
