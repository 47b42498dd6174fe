import { unmetDemand } from '../../../machine/demands.ts'
import { itemTasks } from '../../../model/each.ts'
import { isNamed, noNamed, noWorker, quoted, SHOWN, unfit } from './fit.ts'
import { frozenInfo } from './frozen-info.ts'
import { freezeMap } from './map-targets.ts'
import type { Demand } from './fit.ts'
import type { CoordinatorState, Target, WorkerEntry } from './state.ts'

/**
 * Who a job is for, decided once, when it is accepted. Every worker that is
 * chosen by name or condition is a target; one that must not do it all the
 * same (`unmetDemand`) has its row, which says so. Throws a MeshmarkError
 * `no-worker` that says why nobody can.
 */
export function freezeTargets (state: CoordinatorState, job: Demand): Target[] {
  const { placement } = job

  if (job.map != null) {
    return freezeMap(state, job, job.map)
  }

  const rejected: string[] = []
  const fitting: WorkerEntry[] = []
  const able: WorkerEntry[] = []

  for (const worker of [...state.workers.values()].sort((a, b) => a.info.name < b.info.name ? -1 : 1)) {
    const reason = unfit(worker, placement)
    const demand = reason ?? unmetDemand(worker.info, job)

    if (reason == null) {
      fitting.push(worker)
    }

    if (demand == null) {
      able.push(worker)
    } else {
      rejected.push(`${worker.info.name}: ${demand}`)
    }
  }

  if (placement.on === 'names') {
    const missing = placement.names.filter(name => !fitting.some(worker => isNamed(worker, name)))

    if (missing.length > 0) {
      throw noNamed(missing, placement, state)
    }

    const named = placement.names
      .flatMap(name => fitting.filter(worker => isNamed(worker, name)))
      .filter((worker, index, all) => all.indexOf(worker) === index)

    if (!named.some(worker => able.includes(worker))) {
      throw noWorker(`no worker ${quoted(placement.names.slice(0, SHOWN))} can take this job`, named.map(({ info }) => `${info.name}: ${unmetDemand(info, job)}`), state)
    }

    return named.map(worker => fixedTarget(worker, job))
  }

  if (able.length === 0) {
    throw noWorker('no worker can take this job', rejected, state)
  }

  if (job.each != null) {
    return itemTasks(job.each.items.length).map(task => ({ task }))
  }

  if (placement.on === 'some') {
    if (able.length < placement.count) {
      throw noWorker(`${placement.count} different workers are wanted (--on ${placement.count}) and only ${able.length} can take this job`, rejected, state)
    }

    return itemTasks(placement.count).map(task => ({ task }))
  }

  return placement.on === 'any' ? [{ task: 'any' }] : fitting.map(worker => fixedTarget(worker, job))
}

function fixedTarget (worker: WorkerEntry, job: Demand): Target {
  return { task: worker.info.peerId, worker: worker.info.peerId, info: frozenInfo(worker.info, job) }
}
