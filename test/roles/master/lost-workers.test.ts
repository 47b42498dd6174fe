import { describe, expect, it } from 'vitest'
import { WORKER_LOST_MS } from '../../../src/model/states.ts'
import { LOST_KEPT_MS, MAX_LOST } from '../../../src/roles/master/coordinator/ticks.ts'
import { exampleJob, Play, workerInfo } from './fixtures.ts'

function playWith (workers: string[]): Play {
  const play = new Play()

  workers.forEach(name => { play.step({ kind: 'worker-registered', info: workerInfo(name), holds: [], draining: false }) })

  return play
}

/** Ticks as they come, so that nobody believes that this master was paused. */
function pass (play: Play, ms: number): void {
  for (const endMs = play.nowMs + ms; play.nowMs < endMs;) {
    play.nowMs += 4_000
    play.step({ kind: 'tick' })
  }
}

describe('workers that are lost', () => {
  it('are shown for a week, and forgotten then with all that was kept of them', () => {
    const play = playWith(['gone', 'here'])
    const id = workerInfo('gone').peerId
    const { state } = play

    play.step({ kind: 'worker-gone', worker: id })

    for (let day = 0; day < 6; day++) {
      pass(play, LOST_KEPT_MS / 7)
      play.step({ kind: 'worker-state', worker: workerInfo('here').peerId, state: 'waiting', sinceMs: 0 })
    }

    expect(state.workers.get(id)?.state).toBe('lost')
    pass(play, LOST_KEPT_MS / 7 + WORKER_LOST_MS)
    expect(state.workers.has(id)).toBe(false)

    const { index } = state

    for (const kept of [index.heard, index.lost, index.free, index.places, index.resting, index.fresh.workers, state.unheard]) {
      expect(kept.has(id)).toBe(false)
    }
  })

  it('are not forgotten while a job waits for what runs there', () => {
    const play = playWith(['target'])
    const id = workerInfo('target').peerId
    const job = exampleJob(1, { retryLostMs: 2 * LOST_KEPT_MS, payload: undefined })

    play.accept(job)
    play.started(job, 'any', id)
    play.step({ kind: 'worker-gone', worker: id })
    pass(play, LOST_KEPT_MS + 60_000)

    expect(play.state.jobs.get(job.id)?.finishedAtMs).toBeUndefined()
    expect(play.state.workers.has(id)).toBe(true)
  })

  it('are a bounded number, and come back as anybody', () => {
    const names = Array.from({ length: MAX_LOST + 10 }, (_, number) => `w${number}`)
    const play = playWith(names)

    pass(play, WORKER_LOST_MS + 8_000)
    expect(play.state.workers.size).toBe(MAX_LOST)
    expect(play.state.workers.has(workerInfo('w0').peerId)).toBe(false)
    play.step({ kind: 'worker-registered', info: workerInfo('w0'), holds: [], draining: false })
    play.step({ kind: 'worker-registered', info: workerInfo('w50'), holds: [], draining: false })
    expect(play.state.index.lost.size).toBe(MAX_LOST - 1)
    expect(play.state.index.free).toContain(workerInfo('w0').peerId)
  })
})
