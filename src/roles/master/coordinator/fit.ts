import { matches } from '../../../machine/match.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import type { CoordinatorState, WorkerEntry } from './state.ts'
import type { Job } from '../../../model/job.ts'
import type { Placement } from '../../../model/placement.ts'

/** What of a job decides who may do it. */
export type Demand = Pick<Job, 'placement' | 'require' | 'limits' | 'each' | 'variants' | 'map'> & Partial<Pick<Job, 'commands'>>

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

export function isNamed (worker: WorkerEntry, name: string): boolean {
  return worker.info.name === name || worker.info.peerId === name
}

/** Of workers and their reasons, so many are named in one line. */
export const SHOWN = 5
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

export function quoted (names: string[]): string {
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
