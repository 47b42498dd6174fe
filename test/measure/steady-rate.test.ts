import { describe, expect, it } from 'vitest'
import { possibleRate, steadyRate } from '../../src/measure/steady-rate.ts'
import type { LoadTask } from '../../src/measure/steady-rate.ts'

/** Tasks of 3 s: each client pauses for 0.5 s; each worker takes the next as soon as it is free. */
function simulated (clients: number, workers: number, tasks: number): LoadTask[] {
  const free = Array.from({ length: workers }, () => 0)
  const ready = Array.from({ length: clients }, () => ({ atMs: 0, left: tasks }))
  const done: LoadTask[] = []

  while (ready.some(({ left }) => left > 0)) {
    const client = ready.map((one, at) => ({ ...one, at })).filter(({ left }) => left > 0).sort((a, b) => a.atMs - b.atMs || b.left - a.left)[0]!.at
    const worker = free.indexOf(Math.min(...free))
    const startedAtMs = Math.max(free[worker]!, ready[client]!.atMs)
    const endedAtMs = startedAtMs + 3_000

    free[worker] = endedAtMs
    ready[client] = { atMs: endedAtMs + 500, left: ready[client]!.left - 1 }
    // the clocks of the workers are not those of the clients
    done.push({ client, worker: `w${worker}`, startedAtMs: startedAtMs + 1e9 * (worker + 1), endedAtMs })
  }

  return done
}

describe('the steady rate', () => {
  it.each([[1, 1], [1, 4], [2, 1], [4, 1], [4, 4]] as const)('of %i clients on %i workers without any loss is what is possible', (clients, workers) => {
    const possible = possibleRate({ workers, clients, taskS: 3, pauseS: 0.5 })
    const limit = workers / 3 < clients / 3.5 ? 'workers' : 'clients'

    expect(steadyRate(simulated(clients, workers, 20), limit)).toBeCloseTo(possible, 3)
  })

  it('is not known of single tasks', () => {
    expect(steadyRate(simulated(1, 1, 1), 'clients')).toBeUndefined()
    expect(steadyRate([], 'workers')).toBeUndefined()
  })
})

describe('what is possible', () => {
  it('is bound by the workers or by the clients, and by nothing where a task takes no time', () => {
    expect(possibleRate({ workers: 2, clients: 4, taskS: 3, pauseS: 0.5 })).toBeCloseTo(2 / 3)
    expect(possibleRate({ workers: 4, clients: 1, taskS: 3, pauseS: 0.5 })).toBeCloseTo(1 / 3.5)
    expect(possibleRate({ workers: 4, clients: 1, taskS: 0, pauseS: 0 })).toBe(Infinity)
  })
})
