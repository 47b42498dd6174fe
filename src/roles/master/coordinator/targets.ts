import { unmetDemand } from '../../../machine/demands.ts'
import { matches } from '../../../machine/match.ts'
import { itemTasks } from '../../../model/each.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { freezeMap } from './map-targets.ts'
import type { CoordinatorState, Target, WorkerEntry } from './state.ts'
import type { Job } from '../../../model/job.ts'
import type { Placement } from '../../../model/placement.ts'

/** What of a job decides who may do it. */
export type Demand = Pick<Job, 'placement' | 'require' | 'limits' | 'each' | 'variants' | 'map'> & Partial<Pick<Job, 'commands'>>

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

    return named.map(fixedTarget)
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

  return placement.on === 'any' ? [{ task: 'any' }] : fitting.map(fixedTarget)
}

/** Why this worker is no target, or undefined. */
export function unfit (worker: WorkerEntry, placement: Placement): string | undefined {
  if (worker.info.refusal != null) {
    return worker.info.refusal
  }

  if (worker.state === 'lost' || !worker.connected) {
    return 'not connected'
  }

  if (worker.draining || worker.state === 'draining') {
    return 'draining'
  }

  const match = matches(worker.info, placement.where)

  return match === true ? undefined : match
}

function fixedTarget (worker: WorkerEntry): Target {
  return { task: worker.info.peerId, worker: worker.info.peerId, info: worker.info }
}

export function isNamed (worker: WorkerEntry, name: string): boolean {
  return worker.info.name === name || worker.info.peerId === name
}

const SHOWN = 5
const NAMED = 20

/** Those that nobody is called, with the names that there are; otherwise why the named ones cannot. */
export function noNamed (missing: string[], placement: Placement, state: CoordinatorState): MeshmarkError {
  const workers = [...state.workers.values()]
  const unknown = missing.filter(name => !workers.some(worker => isNamed(worker, name)))

  if (unknown.length > 0 && workers.length > 0) {
    const names = workers.map(worker => worker.info.name).sort()
    const known = names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more (see meshmark nodes)` : '')

    return new MeshmarkError('no-worker', `no worker is called ${quoted(unknown)}: there ${names.length === 1 ? 'is' : 'are'} ${known}`)
  }

  const reasons = workers.filter(worker => missing.some(name => isNamed(worker, name))).map(worker => `${worker.info.name}: ${unfit(worker, placement)}`)

  return noWorker(`no worker ${quoted(missing)} is ready for work`, reasons, state)
}

function quoted (names: string[]): string {
  return names.map(name => `'${name}'`).join(', ')
}

export function noWorker (what: string, rejected: string[], state: CoordinatorState): MeshmarkError {
  const why = state.workers.size === 0
    ? 'none has joined yet: start one with meshmark worker, see meshmark nodes'
    : rejected.length === 0
      ? 'there are no others (see meshmark nodes)'
      : rejected.slice(0, SHOWN).join('; ') + (rejected.length > SHOWN ? `; and ${rejected.length - SHOWN} more (see meshmark nodes)` : '')

  return new MeshmarkError('no-worker', `${what}: ${why}`)
}
