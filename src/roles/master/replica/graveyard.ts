import { MeshmarkError } from '../../../model/errors.ts'
import { asRecord, parseJson } from './bytes.ts'
import { jobOf } from './facts.ts'
import type { Journal } from '../../../store/journal.ts'

/** The latest time of tombstones that are not remembered any more. */
const FORGOTTEN_KEY = 'local/forgotten'
const START_ANEW_KEY = 'local/start-anew'
const GROUP = 1024

export interface GraveyardComponents {
  journal: Journal
  remove: (keys: string[]) => Promise<void>
}

/**
 * Tombstones do not live for ever, and after them nobody knows that a job was
 * removed. So masters that meet say first up to which time they have forgotten
 * tombstones. One that holds jobs and has never known a tombstone of that time
 * was away for all of its life, and cannot tell what of its own was removed
 * meanwhile: it takes nothing and gives nothing, ends, and begins without jobs when
 * it is started again. What counts is the time that a tombstone bears, not anybody's
 * clock: masters that were all switched off for a year meet as they parted.
 */
export class Graveyard {
  readonly #components: GraveyardComponents
  /** Resolves with the reason when this master has to end, and to begin without jobs. */
  readonly outlived: Promise<string>
  #onOutlived!: (reason: string) => void
  #forgotten: number

  private constructor (components: GraveyardComponents, forgotten: number) {
    this.#components = components
    this.#forgotten = forgotten
    this.outlived = new Promise(resolve => { this.#onOutlived = resolve })
  }

  static async open (components: GraveyardComponents): Promise<Graveyard> {
    const stored = await components.journal.get(FORGOTTEN_KEY)

    return new Graveyard(components, stored == null ? 0 : Number(Buffer.from(stored).toString()))
  }

  /** Milliseconds since 1970; 0 = every tombstone that there was is remembered. Said to others before anything else. */
  get forgotten (): number {
    return this.#forgotten
  }

  /** Removes tombstones from before this time. */
  async forget (beforeMs: number): Promise<void> {
    const old: string[] = []
    let latest = 0

    for await (const { key, value } of this.#components.journal.iterate('tombstone/')) {
      const atMs = timeOf(value)

      if (atMs < beforeMs) {
        old.push(key)
        latest = Math.max(latest, Math.floor(atMs))
      }
    }

    if (old.length > 0) {
      // first: after a crash between the two they are merely said to be forgotten
      await this.#setForgotten(Math.max(this.#forgotten, latest))
      await this.#components.remove(old)
    }
  }

  /** What another master has forgotten; before anything is taken from it or given to it. Rejects with `refused` when this one has been outlived. */
  async meet (forgotten: number): Promise<void> {
    if (forgotten <= this.#forgotten || forgotten <= await this.#latest()) {
      return
    }

    if (await isEmpty(this.#components.journal, 'job/')) {
      await this.#setForgotten(forgotten)
      return
    }

    const reason = `this master was away since before ${new Date(forgotten).toISOString()}, and the others no longer know which jobs were removed meanwhile: it begins without any when it is started again, and is given theirs`

    await this.#components.journal.put(START_ANEW_KEY, new Uint8Array(0))
    this.#onOutlived(reason)
    throw new MeshmarkError('refused', reason)
  }

  async #latest (): Promise<number> {
    let latest = 0

    for await (const { value } of this.#components.journal.iterate('tombstone/')) {
      latest = Math.max(latest, timeOf(value) || 0)
    }

    return latest
  }

  async #setForgotten (atMs: number): Promise<void> {
    await this.#components.journal.put(FORGOTTEN_KEY, Buffer.from(String(atMs)))
    this.#forgotten = atMs
  }
}

/**
 * Before a replica is opened: removes what a master that was outlived holds of
 * jobs, and the logs, so that the others give it everything. Who the others are,
 * and who is a member, it still knows: there the later word counts, whoever has
 * been away. True when there was something to remove.
 */
export async function beginAnew (journal: Journal): Promise<boolean> {
  if (await journal.get(START_ANEW_KEY) == null) {
    return false
  }

  for (let keys = await firstOutdated(journal); keys.length > 0; keys = await firstOutdated(journal)) {
    await journal.batch(keys.map(key => ({ type: 'del', key })))
  }

  // last: until then the next start goes on with it
  await journal.del(START_ANEW_KEY)

  return true
}

async function firstOutdated (journal: Journal): Promise<string[]> {
  const keys: string[] = []

  for await (const { key } of journal.iterate('')) {
    if (jobOf(key) != null || key.startsWith('log/')) {
      keys.push(key)
    }

    if (keys.length === GROUP) {
      break
    }
  }

  return keys
}

async function isEmpty (journal: Journal, prefix: string): Promise<boolean> {
  return (await journal.iterate(prefix, { limit: 1 }).next()).done === true
}

/** NaN when it cannot be read: such a one is neither old nor new. */
function timeOf (tombstone: Uint8Array): number {
  return Number(asRecord(parseJson(tombstone))?.atMs)
}
