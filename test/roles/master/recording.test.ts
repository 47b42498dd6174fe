import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Recording } from '../../../src/roles/master/recording.ts'
import type { ProfileChange } from '../../../src/model/profile.ts'
import type { WorkerState } from '../../../src/model/states.ts'

const JOB = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const OTHER = '01BX5ZZKBKACTAV9WEVGEMMVRZ'
const everybody = { isVisible: (): boolean => true }

function worker (n: number): { peerId: string, name: string } {
  return { peerId: `worker-${n}`, name: `lab-${n}` }
}

function end (recording: Recording, n: number, { job = JOB, client = 'me', task = '1', startedAt, finishedAt, nowMs }: { job?: string, client?: string, task?: string, startedAt: number, finishedAt: number, nowMs: number }): void {
  const key = { job, task, worker: `worker-${n}`, attempt: 0 }

  recording.ended({ key, outcome: 'done', startedAt, finishedAt }, `${job}/${task}/worker-${n}/0`, client, nowMs)
}

function statesOf (changes: Iterable<ProfileChange>): string[] {
  return [...changes].flatMap(change => change.kind === 'state' ? [`${change.workerName} ${change.state} ${change.atMs}`] : [])
}

describe('the recording of a master', () => {
  it('has each change of state once, and begins a question with the state that held then', () => {
    const recording = new Recording()

    expect(recording.state(worker(1), 'waiting', 100)).toBe(true)
    expect(recording.state(worker(1), 'waiting', 150)).toBe(false)
    recording.state(worker(2), 'waiting', 160)
    recording.state(worker(1), 'running', 200)
    recording.state(worker(1), 'waiting', 300)

    expect(statesOf(recording.from(everybody))).toEqual(['lab-1 waiting 100', 'lab-2 waiting 160', 'lab-1 running 200', 'lab-1 waiting 300'])
    expect(statesOf(recording.from({ ...everybody, sinceMs: 250 }))).toEqual(['lab-1 running 250', 'lab-2 waiting 250', 'lab-1 waiting 300'])
  })

  it('names the jobs of others to nobody', () => {
    const recording = new Recording()

    end(recording, 1, { startedAt: 1_000, finishedAt: 2_000, nowMs: 2_010 })
    end(recording, 1, { job: OTHER, client: 'somebody else', startedAt: 2_000, finishedAt: 3_000, nowMs: 3_010 })

    const [mine, other] = [...recording.from({ isVisible: client => client === 'me' })]

    expect(mine).toMatchObject({ kind: 'task', job: JOB, task: '1' })
    expect(other).not.toHaveProperty('job')
    expect(other).not.toHaveProperty('task')
    expect(JSON.stringify(other)).not.toContain(OTHER)
    expect([...recording.from({ ...everybody, job: OTHER })]).toHaveLength(1)
  })

  it('puts what was delivered late where it belongs, whatever the clock of its worker says', () => {
    // an hour behind, and records take 10 ms
    const recording = new Recording()
    const behind = 3_600_000

    end(recording, 1, { startedAt: 10_000 - behind, finishedAt: 12_000 - behind, nowMs: 12_010 })
    // it was away for a minute when this one ended
    end(recording, 1, { startedAt: 13_000 - behind, finishedAt: 14_000 - behind, nowMs: 74_000 })

    expect([...recording.from(everybody)]).toMatchObject([{ startedAtMs: 10_010, endedAtMs: 12_010 }, { startedAtMs: 13_010, endedAtMs: 14_010 }])
  })

  it('stays within its bounds, and still knows the state of who has not changed for long', () => {
    const recording = new Recording({ changes: 100 })

    recording.state(worker(0), 'draining', 1)

    for (let at = 2; at < 10_000; at++) {
      recording.state(worker(1), at % 2 === 0 ? 'waiting' : 'running', at)
    }

    expect(recording.size).toBeLessThanOrEqual(110)
    expect(statesOf(recording.from({ ...everybody, sinceMs: 9_995 }))).toContain('lab-0 draining 9995')
    expect(statesOf(recording.from({ ...everybody, sinceMs: 9_998 }))).toEqual(['lab-0 draining 9998', 'lab-1 running 9998', 'lab-1 waiting 9998', 'lab-1 running 9999'])
  })

  it('forgets what is older than its time', () => {
    const recording = new Recording({ ageMs: 1_000, changes: 20 })

    for (let at = 0; at < 100; at++) {
      end(recording, 1, { startedAt: at * 100, finishedAt: at * 100 + 50, nowMs: at * 100 + 60 })
    }

    const kept = [...recording.from(everybody)]

    expect(kept.length).toBeLessThanOrEqual(13)
    expect(kept.at(-1)).toMatchObject({ endedAtMs: 9_960 })
  })

  it('tells a reader that comes back each change once, in order, but for what was forgotten', () => {
    fc.assert(fc.property(fc.array(fc.oneof(
      fc.record({ kind: fc.constant('add' as const), worker: fc.nat(3), state: fc.constantFrom<WorkerState>('waiting', 'running', 'reserved') }),
      fc.record({ kind: fc.constant('read' as const) })
    ), { maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (steps, changes) => {
      const recording = new Recording({ changes })
      const added: string[] = []
      const read: string[] = []
      let cursor = recording.end
      let nowMs = 0

      for (const step of [...steps, { kind: 'read' as const }]) {
        nowMs++

        if (step.kind === 'add') {
          if (recording.state(worker(step.worker), step.state, nowMs)) {
            added.push(`lab-${step.worker} ${step.state} ${nowMs}`)
          }
        } else {
          read.push(...statesOf(recording.after(cursor, everybody)))
          cursor = recording.end
        }
      }

      expect(read).toEqual(added.filter(line => read.includes(line)))
      expect(new Set(read).size).toBe(read.length)
      expect(read.slice(-1)).toEqual(added.slice(-1))
    }))
  })
})
