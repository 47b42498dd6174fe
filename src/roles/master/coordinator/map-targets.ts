import { unmetDemand } from '../../../machine/demands.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { MAX_MAP_TASKS, mapTask } from '../../../model/map.ts'
import { frozenInfo } from './frozen-info.ts'
import { isNamed, noNamed, noWorker, unfit } from './fit.ts'
import type { CoordinatorState, Target, WorkerEntry } from './state.ts'
import type { Demand } from './fit.ts'
import type { JobMap, MapList } from '../../../model/map.ts'

/**
 * Who does which list of a map, decided once: a target for each list and
 * worker, called by the list's first entry. Throws `no-worker` for a list that
 * nobody does, `refused` for more than there may be.
 */
export function freezeMap (state: CoordinatorState, job: Demand, map: JobMap): Target[] {
  const workers = [...state.workers.values()].sort((a, b) => a.info.name < b.info.name ? -1 : 1)
  const able = new Map<WorkerEntry, string | undefined>()
  let tasks = 0

  const targets = map.lists.flatMap((list, number) => {
    const chosen = workersOf(state, workers, job, list, number)

    tasks += chosen.length * list.entries.length

    if (tasks > MAX_MAP_TASKS) {
      throw new MeshmarkError('refused', `this map has more than ${MAX_MAP_TASKS} tasks (entries times the workers that they are for): split it`)
    }

    chosen.forEach(worker => {
      if (!able.has(worker) || able.get(worker) != null) {
        able.set(worker, unmetOf(worker, job, list, number))
      }
    })

    return chosen.map(({ info }) => ({ task: mapTask(info.peerId, number, 0), worker: info.peerId, info: frozenInfo(info, job) }))
  })

  if ([...able.values()].every(reason => reason != null)) {
    throw noWorker('no worker of this map can take it', [...able].map(([{ info }, reason]) => `${info.name}: ${reason}`), state)
  }

  return targets
}

/** Why it must not do any entry of this list. */
function unmetOf ({ info }: WorkerEntry, job: Demand, list: MapList, number: number): string | undefined {
  const reasons = list.entries.map((_, entry) => unmetDemand(info, job, mapTask(info.peerId, number, entry)))

  return reasons.includes(undefined) ? undefined : reasons[0]
}

function workersOf (state: CoordinatorState, workers: WorkerEntry[], { placement }: Demand, { worker: name, where }: MapList, number: number): WorkerEntry[] {
  const conditions = { on: 'all' as const, where: [...placement.where, ...where] }
  const fitting = workers.filter(worker => (name == null || isNamed(worker, name)) && unfit(worker, conditions) == null)

  if (fitting.length > 0) {
    return fitting
  }

  if (name != null) {
    throw noNamed([name], conditions, state)
  }

  throw noWorker(`no worker fits list ${number + 1} of this map`, workers.map(worker => `${worker.info.name}: ${unfit(worker, conditions)}`), state)
}
