import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_MESH, reduceMesh } from '../../src/dashboard/state/mesh.ts'
import { JobWatch, NodeWatch } from '../../src/http/exchange/mesh-changes.ts'
import type { JobRow, NodeRow } from '../../src/node/protocol/submit/messages.ts'

function node (name: string, more: Partial<NodeRow> = {}): NodeRow {
  return { role: 'worker', peerId: name, name, state: 'waiting', draining: false, sinceMs: 5_000, lastHeardMs: 100, version: '0.1.0', addresses: [], ...more }
}

describe('what has changed in a mesh', () => {
  it('is everything at first, with instants instead of ages', () => {
    expect(new NodeWatch().look([node('a')], 100_000)).toMatchObject({ all: true, gone: [], heard: {}, nodes: [{ peerId: 'a', sinceAt: 95_000, heardAt: 99_900 }] })
  })

  it('is nothing when only time has passed', () => {
    const watch = new NodeWatch()

    watch.look([node('a')], 100_000)

    expect(watch.look([node('a', { sinceMs: 6_010, lastHeardMs: 1_090 })], 101_000)).toBeUndefined()
  })

  it('is an instant, not a whole row, of a worker that was only heard again', () => {
    const watch = new NodeWatch()

    watch.look([node('a'), node('b')], 100_000)

    expect(watch.look([node('a', { sinceMs: 15_000 }), node('b', { sinceMs: 15_000, lastHeardMs: 10_100 })], 110_000)).toEqual({ kind: 'nodes', all: false, nodes: [], changed: {}, gone: [], heard: { a: 109_900 } })
  })

  it('is of a worker whose state is another one that state, and who is gone', () => {
    const watch = new NodeWatch()

    watch.look([node('a'), node('b')], 100_000)

    expect(watch.look([node('a', { state: 'running', sinceMs: 0 })], 101_000)).toMatchObject({ all: false, nodes: [], changed: { a: { state: 'running', sinceAt: 101_000 } }, gone: ['b'] })
  })

  it('is the whole row of a worker that is not what it was', () => {
    const watch = new NodeWatch()

    watch.look([node('a')], 100_000)
    expect(watch.look([node('a', { version: '0.2.0', state: 'running', sinceMs: 0 })], 101_000)).toMatchObject({ nodes: [{ peerId: 'a', version: '0.2.0', state: 'running' }], changed: {} })
  })

  it('makes of what was known what there is, whatever happens', () => {
    const row = fc.record({ peerId: fc.constantFrom('a', 'b', 'c'), state: fc.constantFrom('waiting' as const, 'running' as const), detail: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }), draining: fc.boolean(), sinceMs: fc.constantFrom(0, 60_000), lastHeardMs: fc.constantFrom(0, 9_000), version: fc.constantFrom('1', '2') })

    fc.assert(fc.property(fc.array(fc.uniqueArray(row, { selector: ({ peerId }) => peerId }), { maxLength: 6 }), looks => {
      const watch = new NodeWatch()
      let state = NO_MESH
      let nowMs = 100_000

      for (const rows of looks) {
        nowMs += 3_000

        const full = rows.map(row => node(row.peerId, row))
        const changes = watch.look(full, nowMs)

        state = changes == null ? state : reduceMesh(state, JSON.parse(JSON.stringify({ nowMs, ...changes })), nowMs)
        expect([...state.nodes.keys()].sort()).toEqual(full.map(({ peerId }) => peerId).sort())

        for (const { peerId, sinceMs, lastHeardMs, ...rest } of full) {
          expect(state.nodes.get(peerId)).toEqual({ ...JSON.parse(JSON.stringify(rest)), peerId, sinceAt: expect.any(Number), heardAt: expect.any(Number) })
          expect(Math.abs(state.nodes.get(peerId)!.sinceAt - (nowMs - sinceMs))).toBeLessThan(1_501)
          expect(Math.abs(state.nodes.get(peerId)!.heardAt - (nowMs - lastHeardMs))).toBeLessThan(1_501)
        }
      }
    }))
  })

  it('does not creep: small steps of an instant add up to one that is told', () => {
    const watch = new NodeWatch()
    let told = 0

    watch.look([node('a', { lastHeardMs: 0 })], 100_000)

    for (let step = 1; step <= 10; step++) {
      told += watch.look([node('a', { sinceMs: 5_000 + step * 1_000, lastHeardMs: 0 })], 100_000 + step * 1_000) == null ? 0 : 1
    }

    expect(told).toBe(5)
  })

  it('is of jobs those that have moved, and those that are listed no more', () => {
    const job = (id: string, ended = 0): JobRow => ({ id, title: id, kind: 'run', state: 'running', acceptedAt: 0, tasks: 2, ended, failed: 0, mine: true })
    const watch = new JobWatch()

    expect(watch.look([job('a'), job('b')], false)).toMatchObject({ all: true, jobs: [{ id: 'a' }, { id: 'b' }] })
    expect(watch.look([job('a'), job('b')], false)).toBeUndefined()
    expect(watch.look([job('b', 1), job('c')], false)).toEqual({ kind: 'jobs', all: false, jobs: [job('c')], changed: { b: { ended: 1 } }, gone: ['a'], more: false })
    expect(watch.look([job('b', 1), job('c')], true)).toMatchObject({ jobs: [], changed: {}, more: true })
  })

  it('makes of the jobs that were known those that there are, whatever happens', () => {
    const row = fc.record({ id: fc.constantFrom('a', 'b', 'c'), state: fc.constantFrom('running' as const, 'finished' as const), finishedAt: fc.option(fc.constantFrom(5, 6), { nil: undefined }), ended: fc.constantFrom(0, 1), failed: fc.constantFrom(0, 1) })

    fc.assert(fc.property(fc.array(fc.uniqueArray(row, { selector: ({ id }) => id }), { maxLength: 6 }), looks => {
      const watch = new JobWatch()
      let state = NO_MESH

      for (const rows of looks) {
        const full: JobRow[] = rows.map(row => ({ title: row.id, kind: 'run', acceptedAt: 0, tasks: 2, mine: true, ...row }))
        const changes = watch.look(full, false)

        state = changes == null ? state : reduceMesh(state, JSON.parse(JSON.stringify({ nowMs: 0, ...changes })), 0)
        expect([...state.jobs.values()].sort((a, b) => a.id < b.id ? -1 : 1)).toEqual(JSON.parse(JSON.stringify(full)).sort((a: JobRow, b: JobRow) => a.id < b.id ? -1 : 1))
      }
    }))
  })
})
