import type { CoordinatorState, WorkerEntry } from './state.ts'
import type { WorkerState } from '../../../model/states.ts'

/**
 * A worker's state as people are told it: its own word, unless nobody hears it,
 * or it waits with what nobody else may do until that is run again after a
 * failure. `sinceMs` is there when it is not its own word: milliseconds since
 * 1970, by the clock of this master.
 */
export function shownState ({ index }: CoordinatorState, { info, connected, state, draining }: WorkerEntry): { state: WorkerState, sinceMs?: number } {
  if (!connected) {
    return { state: 'lost' }
  }

  const restarting = state === 'waiting' && !draining ? index.restarting.get(info.peerId) : undefined

  return restarting == null ? { state } : { state: 'failed, restarting', sinceMs: Math.min(...[...restarting].map(({ sinceMs }) => sinceMs)) }
}
