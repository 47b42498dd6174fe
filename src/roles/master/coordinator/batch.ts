import { MAX_BATCH } from '../../../node/protocol/slot/messages.ts'

/** What one START hands to a place takes about this long: much longer than the way there and to the disk, and short enough for all places to end together. Milliseconds. */
const BATCH_MS = 500

/**
 * How many items one START hands to one place. One until it is known how long
 * they take. Never more than half of a place's share of what is left, so that
 * the last ones are small and all places end at about the same time (guided
 * self-scheduling: Polychronopoulos and Kuck, IEEE Trans. Computers C-36, 1987).
 */
export function batchSize (queued: number, places: number, paceMs: number | undefined): number {
  const fair = Math.ceil(queued / (2 * Math.max(places, 1)))
  const timely = paceMs == null ? 1 : Math.floor(BATCH_MS / Math.max(paceMs, 1))

  return Math.max(1, Math.min(MAX_BATCH, fair, timely))
}
