import { unmetDemand } from '../../src/machine/demands.ts'
import { isTaskEnd } from '../../src/model/states.ts'
import { random, SimMesh } from './mesh.ts'
import type { Machines } from './mesh.ts'
import type { Job } from '../../src/model/job.ts'

function job (number: number, client: string, on: 'all' | 'any', payload: boolean, demand: number): Job {
  return {
    id: `01ARZ3NDEKTSV4RRFFQ69G5F${String(number).padStart(2, '0')}`,
    client,
    kind: on === 'all' ? 'run' : 'exec',
    commands: [{ argv: ['true'], program: { kind: 'name', name: 'true' } }],
    payload: payload ? { id: 'aa', files: [], chunkSize: 1, chunks: [] } : undefined,
    env: {},
    limits: demand > 0.8 ? { memoryBytes: 2 ** 31 } : {},
    ...(demand < 0.2 ? { require: ['two-uids' as const] } : {}),
    placement: { on, where: [] },
    plan: { kind: 'once' },
    submittedAt: 0
  }
}

/** A life of a mesh with faults, then enough calm for everything to come to its end. */
export function live (seed: number, machines?: Machines): SimMesh {
  const next = random(seed ^ 0x5bd1e995)
  const workers = 1 + Math.floor(next() * 5)
  const mesh = new SimMesh(seed, workers, next() < 0.5 ? 0 : next() * 0.2, machines)
  const ids = [...mesh.workers.keys()]
  const pick = (): string => ids[Math.floor(next() * ids.length)]!

  mesh.startCoordinator()
  mesh.run(1_100)

  for (let step = 0; step < 25; step++) {
    const dice = next()

    if (dice < 0.45) {
      mesh.submit(job(step, `client${Math.floor(next() * 3)}`, next() < 0.5 ? 'all' : 'any', next() < 0.5, next()))
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

/** What went wrong in such a life; empty = nothing. */
export function faultsOf (mesh: SimMesh): string[] {
  const faults = [...mesh.violations]

  for (const id of mesh.disk.jobs.keys()) {
    const entry = mesh.coordinator?.jobs.get(id)

    for (const task of entry?.tasks.values() ?? []) {
      if (!isTaskEnd(task.state)) {
        faults.push(`task ${task.name} of ${id} never ends: it is ${task.state}`)
      }

      const unmet = task.info == null ? undefined : unmetDemand(task.info, entry!.job)

      if ((task.state === 'not-run') !== (unmet != null) || (unmet != null && task.reason !== unmet)) {
        faults.push(`task ${task.name} of ${id} is ${task.state} (${task.reason}) although ${unmet ?? 'nothing'} is in its way`)
      }

      if (task.state === 'done' && mesh.disk.results.get(`${id}/${task.name}/${task.worker}/${task.attempt}`) !== 'done') {
        faults.push(`task ${task.name} of ${id} is done without a record of its worker`)
      }
    }

    if (entry?.finishedAtMs == null) {
      faults.push(`job ${id} never ends`)
    }
  }

  return faults
}
