import type { CoordinatorState, WorkerEntry } from '../coordinator/state.ts'
import type { DistributionComponents } from './distribution.ts'

/** What a distribution may ask of workers, as the coordinator sees them now. */
export function workersFor (state: () => CoordinatorState): Pick<DistributionComponents, 'worker' | 'holders'> {
  return {
    worker: id => {
      const entry = state().workers.get(id)

      return entry?.connected === true
        ? { name: entry.info.name, addresses: entry.info.addresses, measuring: isMeasuring(entry) }
        : undefined
    },
    holders: payload => [...state().workers.values()].flatMap(({ info, connected, payloads }) => connected && payloads.has(payload) ? [info.peerId] : [])
  }
}

/** What measures has all places. */
function isMeasuring ({ engaged, running }: WorkerEntry): boolean {
  return [...engaged.values()].some(({ isWhole, executions }) => isWhole && [...executions].some(execution => running.has(execution)))
}
