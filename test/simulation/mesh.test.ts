import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/model/limits.ts'
import { isTaskEnd } from '../../src/model/states.ts'
import { random, SimMesh } from './mesh.ts'
import type { Job } from '../../src/model/job.ts'

const SEEDS = Number(process.env.MESHMARK_SEEDS ?? 300)

function job (number: number, client: string, on: 'all' | 'any', payload: boolean): Job {
  return {
    id: `01ARZ3NDEKTSV4RRFFQ69G5F${String(number).padStart(2, '0')}`,
    client,
    kind: on === 'all' ? 'run' : 'exec',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    payload: payload ? { id: 'aa', files: [], chunkSize: 1, chunks: [] } : undefined,
    env: {},
    limits: DEFAULT_LIMITS,
    placement: { on, where: [] },
    plan: { kind: 'once' },
    submittedAt: 0
  }
}

/** A life of a mesh with faults, then enough calm for everything to come to its end. */
function live (seed: number): SimMesh {
  const next = random(seed ^ 0x5bd1e995)
  const workers = 1 + Math.floor(next() * 5)
  const mesh = new SimMesh(seed, workers, next() < 0.5 ? 0 : next() * 0.2)
  const ids = [...mesh.workers.keys()]
  const pick = (): string => ids[Math.floor(next() * ids.length)]!

  mesh.startCoordinator()
  mesh.run(1_100)

  for (let step = 0; step < 25; step++) {
    const dice = next()

    if (dice < 0.45) {
      mesh.submit(job(step, `client${Math.floor(next() * 3)}`, next() < 0.5 ? 'all' : 'any', next() < 0.5))
    } else if (dice < 0.55) {
      mesh.killWorker(pick())
    } else if (dice < 0.7) {
      mesh.reviveWorker(pick())
    } else if (dice < 0.78) {
      mesh.disconnect(pick())
    } else if (dice < 0.88) {
      mesh.connect(pick())
    } else if (dice < 0.94) {
      const jobs = [...mesh.disk.jobs.keys()]

      if (jobs.length > 0) {
        mesh.cancel(jobs[Math.floor(next() * jobs.length)]!)
      }
    } else if (mesh.coordinator != null) {
      mesh.killCoordinator()
    } else {
      mesh.startCoordinator()
    }

    mesh.run(mesh.nowMs + Math.floor(next() * 1_500))
  }

  if (mesh.coordinator == null) {
    mesh.startCoordinator()
  }

  for (const id of ids) {
    mesh.reviveWorker(id)
    mesh.connect(id)
  }

  mesh.run(mesh.nowMs + 300_000)

  return mesh
}

describe('the coordinator and the slots, under faults', () => {
  it('start nothing twice, one thing at a time, and bring every accepted job to its end', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const mesh = live(seed)
      const where = `seed ${seed}\n${mesh.history.join('\n')}`

      expect(mesh.violations, where).toEqual([])

      for (const id of mesh.disk.jobs.keys()) {
        const entry = mesh.coordinator?.jobs.get(id)
        const open = [...entry?.tasks.values() ?? []].filter(task => !isTaskEnd(task.state))

        expect(open, `job ${id}, ${where}`).toEqual([])
        expect(entry?.finishedAtMs, `job ${id}, ${where}`).toBeDefined()
      }
    }
  })

  it('never end a task as done without a record of its worker', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const mesh = live(seed)

      for (const entry of mesh.coordinator?.jobs.values() ?? []) {
        for (const task of entry.tasks.values()) {
          if (task.state === 'done') {
            expect(mesh.disk.results.get(`${entry.job.id}/${task.name}/${task.worker}/${task.attempt}`), `seed ${seed}`).toBe('done')
          }
        }
      }
    }
  })
})
