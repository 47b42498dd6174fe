import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareClaims } from '../../../src/roles/claim.ts'
import { refuseToken, rolesOf, uniqueName } from '../../../src/roles/master/admission-rules.ts'
import { findJob } from '../../../src/roles/master/find-job.ts'
import { jobRow, jobView, startSkew, workerRow } from '../../../src/roles/master/views.ts'
import { Play, exampleJob } from './fixtures.ts'
import type { ExecutionResult } from '../../../src/model/result.ts'
import type { CoordinatorEffect } from '../../../src/roles/master/coordinator/state.ts'
import type { TokenRecord } from '../../../src/roles/master/admission-rules.ts'

const hash = createHash('sha256').update('secret').digest('hex')
const record: TokenRecord = { id: 'abc', role: 'worker', hash, createdAt: 0, expiresAt: 1_000, revoked: false }

describe('a token', () => {
  it('admits exactly those who know its secret, while it is neither revoked, expired nor used up', () => {
    fc.assert(fc.property(fc.boolean(), fc.nat({ max: 2_000 }), fc.option(fc.integer({ min: -1, max: 3 }), { nil: undefined }), fc.boolean(), (revoked, nowMs, usesLeft, knows) => {
      const refusal = refuseToken({ ...record, revoked, usesLeft }, knows ? hash : hash.replace(/^./, digit => digit === '0' ? '1' : '0'), nowMs)
      expect(refusal == null).toBe(knows && !revoked && nowMs < record.expiresAt && (usesLeft ?? 1) > 0)

      if (!knows) {
        // not even that it exists
        expect(refusal).toBe(refuseToken(undefined, hash, nowMs))
      }
    }))
  })

  it('that has expired says by both clocks', () => {
    expect(refuseToken(record, hash, 61_000)).toBe('token abc expired at 1970-01-01T00:00:01.000Z, and here it is 1970-01-01T00:01:01.000Z: ask for a new one (meshmark token create)')
  })

  it('of an administrator lets it be a client too, and no other one does', () => {
    expect(rolesOf('admin')).toEqual(['admin', 'client'])
    expect([rolesOf('worker'), rolesOf('client'), rolesOf('master')]).toEqual([['worker'], ['client'], ['master']])
  })
})

describe('a name', () => {
  it('is short, printable, and nobody else\'s, whatever was wished for', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.string(), { maxLength: 20 }), (wanted, others) => {
      const taken = new Set(others)
      for (let i = 0; i < 5; i++) {
        const name = uniqueName(wanted, taken)
        expect(taken.has(name)).toBe(false)
        expect(name).toMatch(/^[a-z0-9._][a-z0-9._-]{0,55}$/)
        taken.add(name)
      }
    }))
    expect(uniqueName('Lab 01', new Set(['lab-01', 'lab-01-2']))).toBe('lab-01-3')
    // --on all means every worker, --on 3 any three
    expect(['ALL', 'any', '3'].map(name => uniqueName(name, new Set()))).toEqual(['node-all', 'node-any', 'node-3'])
  })
})

describe('claims', () => {
  it('have one order, by term and then by master', () => {
    const claim = fc.record({ term: fc.nat({ max: 3 }), master: fc.constantFrom('a', 'b', 'c') })
    fc.assert(fc.property(claim, claim, claim, (a, b, c) => {
      expect(Math.sign(compareClaims(a, b))).toBe(0 - Math.sign(compareClaims(b, a)))
      expect(compareClaims(a, b) === 0).toBe(a.term === b.term && a.master === b.master)
      if (compareClaims(a, b) <= 0 && compareClaims(b, c) <= 0) { expect(compareClaims(a, c)).toBeLessThanOrEqual(0) }
      if (a.term < b.term) { expect(compareClaims(a, b)).toBeLessThan(0) }
    }))
  })
})

describe('finding a job', () => {
  const play = Play.with('w')
  const mine = [exampleJob(1, { name: 'nightly' }), exampleJob(2, { name: 'nightly' }), exampleJob(13)]
  const theirs = exampleJob(4, { client: 'bob', name: 'secret' })
  const alsoTheirs = exampleJob(5, { client: 'bob', name: 'nightly' })
  ;[...mine, theirs, alsoTheirs].forEach(job => play.accept(job))

  const alice = { peerId: 'alice', admin: false }
  const find = (selector: string, asker = alice): string => {
    try {
      return findJob([...play.state.jobs.values()].map(({ job, acceptedAtMs }) => ({ ...job, acceptedAtMs })), selector, asker).id
    } catch (err: any) {
      return `${err.code}: ${err.message}`
    }
  }

  it('takes an id, a unique suffix in any case, the latest of a name, and @last', () => {
    expect(find(mine[0]!.id)).toBe(mine[0]!.id)
    expect(find('9g5f01')).toBe(mine[0]!.id)
    expect(find('nightly')).toBe(mine[1]!.id)
    expect(find('@last')).toBe(mine[2]!.id)
  })

  it('does not guess', () => {
    expect(find('F01')).toMatch(/^usage: no job 'F01'/)
    expect(find('')).toMatch(/^usage: no job/)
    expect(find('nothing')).toMatch(/^usage: no job 'nothing': see meshmark jobs/)
    expect(find('@last', { peerId: 'carol', admin: false })).toMatch(/^usage: you have not submitted/)
  })

  it('never gives a client another one\'s, by any selector', () => {
    fc.assert(fc.property(fc.oneof(fc.constantFrom('secret', '@last', 'nightly', theirs.id, alsoTheirs.id), fc.nat({ max: 26 }).map(length => theirs.id.slice(-length)), fc.string()), selector => {
      expect([theirs.id, alsoTheirs.id]).not.toContain(find(selector))
    }))
    expect(find('secret')).toMatch(/^refused: job 'secret' belongs to another client/)
  })

  it('gives an administrator every one', () => {
    const admin = { peerId: 'root', admin: true }
    expect(find('secret', admin)).toBe(theirs.id)
    expect(find('nightly', admin)).toBe(alsoTheirs.id)
  })
})

describe('what is shown', () => {
  it('of a worker: its state since its own word plus the time since', () => {
    const play = Play.with('w')
    play.step({ kind: 'worker-state', worker: '12D3w', state: 'running', detail: 'another worker of this machine is busy', sinceMs: 4_000 })
    const worker = play.state.workers.get('12D3w')!

    expect(workerRow(play.state, worker, play.nowMs, '1.0.0')).toMatchObject({ state: 'running', detail: 'another worker of this machine is busy', sinceMs: 4_000, lastHeardMs: 0 })
    expect(workerRow(play.state, worker, play.nowMs + 700, '1.0.0')).toMatchObject({ sinceMs: 4_700, lastHeardMs: 700 })
    // a clock that was set back makes nothing negative
    expect(workerRow(play.state, worker, play.nowMs - 700, '1.0.0')).toMatchObject({ sinceMs: 4_000, lastHeardMs: 0 })
  })

  it('of a worker: that it waits for the restart of what is for it alone, until that begins, or it does something else', () => {
    const play = Play.with('w', 'other')
    const job = exampleJob(1, { payload: undefined, placement: { on: 'names', names: ['w'], where: [] }, retry: { when: 'on-failure', backoffMs: 4_000, maxBackoffMs: 4_000 } })
    const shown = (name = 'w'): unknown => { const { state, sinceMs } = workerRow(play.state, play.state.workers.get(`12D3${name}`)!, play.nowMs, '1'); return [state, sinceMs] }
    const told = (effects: CoordinatorEffect[]): boolean => effects.some(effect => effect.kind === 'worker-changed' && effect.worker === '12D3w')
    const failed = (attempt: number): CoordinatorEffect[] => play.step({ kind: 'result', key: { job: job.id, task: '12D3w', worker: '12D3w', attempt }, outcome: 'failed', how: 'exit 1' })

    play.accept(job)
    expect(told(failed(0))).toBe(true)
    play.nowMs += 1_000
    expect([shown(), shown('other')]).toEqual([['failed, restarting', 1_000], ['waiting', expect.any(Number)]])

    play.step({ kind: 'worker-state', worker: '12D3w', state: 'running', sinceMs: 0 })
    expect(shown()).toEqual(['running', 0])
    play.step({ kind: 'worker-state', worker: '12D3w', state: 'waiting', sinceMs: 0 })

    play.nowMs += 3_000
    expect(told(play.step({ kind: 'alarm' }))).toBe(true)
    expect(shown()).toEqual(['waiting', 3_000])

    failed(1)
    expect(shown()).toEqual(['failed, restarting', 0])
    expect(told(play.step({ kind: 'cancel', job: job.id }))).toBe(true)
    expect(shown()).toEqual(['waiting', 3_000])
  })

  it('of a task: the other records of its own execution, flagged', () => {
    const play = Play.with('w')
    const job = exampleJob(1)

    play.accept(job)
    play.ready(job, 'any', '12D3w')
    play.started(job, 'any', '12D3w')
    play.done(job, 'any', '12D3w')

    const other = { key: { job: job.id, task: 'any', worker: '12D3w', attempt: 0 }, outcome: 'failed' as const, reason: 'exit status 1', commands: [], startedAt: 1, finishedAt: 2, waitedMs: 0 }
    const [task] = jobView(play.state.jobs.get(job.id)!, undefined, [other]).tasks

    expect(task).toMatchObject({ state: 'done', duplicates: [{ execution: play.execution(job, 'any', '12D3w'), workerName: 'w', outcome: 'failed', reason: 'exit status 1', conflict: true }] })
  })

  it('of a job: queued, running, finished, cancelled', () => {
    const play = Play.with('w')
    const job = exampleJob(1)
    play.accept(job)
    const entry = play.state.jobs.get(job.id)!
    play.step({ kind: 'answer', worker: '12D3w', execution: play.execution(job, 'any', '12D3w'), reply: { kind: 'busy', reason: 'reserved for job x' } })
    expect(jobView(entry)).toMatchObject({ state: 'queued', tasks: [{ state: 'queued', workerName: 'any worker', reason: 'reserved for job x' }] })
    play.nowMs += 5_000
    play.step({ kind: 'tick' })
    play.ready(job, 'any', '12D3w')
    play.started(job, 'any', '12D3w')
    expect(jobView(entry)).toMatchObject({ state: 'running', tasks: [{ state: 'running', workerName: 'w' }] })
    play.step({ kind: 'cancel', job: job.id })
    expect(jobView(entry)).toMatchObject({ state: 'running', tasks: [{ state: 'cancelling' }] })
    play.step({ kind: 'cancel-answered', job: job.id, worker: '12D3w' })
    expect(jobView(entry)).toMatchObject({ state: 'cancelled', finishedAt: play.nowMs })
    expect(jobRow(entry, 'alice')).toMatchObject({ mine: true, tasks: 1, ended: 1, failed: 1 })
    expect(jobRow(entry, 'bob').mine).toBe(false)
  })

  it('of a start: the skew between those that started together', () => {
    const result = (skewNs: number, simultaneous = true): ExecutionResult => ({ start: { simultaneous, skewNs } }) as ExecutionResult
    expect(startSkew([result(5), result(-3), result(900, false), {} as ExecutionResult])).toBe(8)
    expect(startSkew([result(5)])).toBeUndefined()
  })

  it('of a start: what is not known of the clocks is part of the skew', () => {
    const result = (skewNs: number, errorNs: number): ExecutionResult => ({ start: { simultaneous: true, skewNs, errorNs } }) as ExecutionResult
    const skews = fc.array(fc.record({ trueNs: fc.integer({ min: -1_000, max: 1_000 }), errorNs: fc.nat({ max: 500 }), off: fc.double({ min: -1, max: 1, noNaN: true }) }), { minLength: 2, maxLength: 9 })

    // the instant that each was given is off by no more than its error; seen from outside they are no further apart than is said
    fc.assert(fc.property(skews, starts => {
      const times = starts.map(({ trueNs }) => trueNs)
      const said = startSkew(starts.map(({ trueNs, errorNs, off }) => result(trueNs + off * errorNs, errorNs)))

      expect(said! + 1e-6).toBeGreaterThanOrEqual(Math.max(...times) - Math.min(...times))
    }))
    expect(startSkew([result(5, 10), result(-3, 2)])).toBe(20)
  })
})
