import { toError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { chooseExpired, TOMBSTONE_MS } from './retention.ts'
import { buriedBy } from './replica/facts.ts'
import type { CollectedFiles } from './collected-files.ts'
import type { JobStore } from './job-store.ts'
import type { Outputs } from './outputs.ts'
import type { Replica } from './replica/replica.ts'
import type { FinishedJob, Retention } from './retention.ts'

/** Ages are days; and a store that is too full by an hour's work is no harm. */
const PRUNE_MS = 60 * 60 * 1000
/** Tombstones of one write. */
const GROUP = 256
const NAMED = 5

export interface PrunerComponents {
  replica: Replica
  jobs: JobStore
  outputs: Outputs
  files: Pick<CollectedFiles, 'bytesOf' | 'removeOf'>
  retention: Retention
  /** What is known of jobs. */
  known: () => Iterable<{ id: string, finishedAtMs?: number }>
  /** Of some it is not known yet whether they have ended: what is chosen now would be too little, or the wrong ones. */
  isListing: () => boolean
  /** Only the coordinator chooses: it alone says when a job has ended. */
  isCoordinator: () => boolean
  /** Its records are gone. */
  onPruned: (job: string) => void
  log: (line: string) => void
}

/**
 * Removes what need not be kept. The coordinator writes tombstones, by its own
 * settings; every master that has one on its disk has removed the records with
 * it, and removes the outputs.
 */
export class Pruner {
  readonly #components: PrunerComponents
  /** Bytes of finished jobs: they do not change any more. */
  readonly #bytes = new Map<string, number>()
  /** Buried, and their outputs not removed yet. */
  readonly #gone = new Set<string>()
  #timer?: NodeJS.Timeout
  #unlisten = (): void => {}
  #turn: Promise<void> = Promise.resolve()

  constructor (components: PrunerComponents) {
    this.#components = components
  }

  start (): void {
    const { replica, outputs } = this.#components

    this.#unlisten = replica.onChange(changes => {
      for (const { key } of changes) {
        const job = buriedBy(key)

        if (job != null) {
          this.#bytes.delete(job)
          this.#gone.add(job)
          // many at once cost one look at all outputs
          void this.#inTurn(async () => this.#removeGone())
        }
      }
    })

    // a tombstone whose outputs were not removed before the last stop
    void this.#inTurn(async () => {
      await outputs.removeOf(job => replica.isBuried(job))
    })
    this.#timer = setInterval(() => { void this.pruneNow() }, PRUNE_MS)
    void this.pruneNow()
  }

  /** When this master begins to coordinate or knows every finished job again, beside the rounds of every hour. Never rejects. */
  async pruneNow (): Promise<void> {
    await this.#inTurn(async () => this.prune(Date.now()))
  }

  /** Waits for what it is about. */
  async stop (): Promise<void> {
    clearInterval(this.#timer)
    this.#unlisten()
    await this.#turn
  }

  /** One round; resolves with the jobs that were removed, all of them finished. */
  async prune (nowMs: number): Promise<string[]> {
    const { retention, jobs, replica, isCoordinator, isListing, onPruned, log } = this.#components
    const hasLimit = retention.ageMs != null || retention.bytes != null
    const expired = hasLimit && isCoordinator() && !isListing() ? chooseExpired(await this.#finished(), retention, nowMs) : []

    for (let start = 0; start < expired.length; start += GROUP) {
      const group = expired.slice(start, start + GROUP)

      await jobs.bury(group, nowMs)
      group.forEach(onPruned)
    }

    if (expired.length > 0) {
      log(`removed ${expired.length === 1 ? 'job' : `${expired.length} jobs`} ${expired.slice(0, NAMED).map(shortJobId).join(', ')}${expired.length > NAMED ? ', …' : ''}, finished and no longer to be kept`)
    }

    await replica.graveyard.forget(nowMs - TOMBSTONE_MS)

    return expired
  }

  async #removeGone (): Promise<void> {
    const gone = new Set(this.#gone)

    this.#gone.clear()

    if (gone.size > 0) {
      await this.#components.outputs.removeOf(job => gone.has(job))
    }

    for (const job of gone) {
      await this.#components.jobs.forgetLocal(job)
      await this.#components.files.removeOf(job)
    }
  }

  async #finished (): Promise<FinishedJob[]> {
    const { known, retention } = this.#components
    const finished: FinishedJob[] = []

    for (const { id, finishedAtMs } of known()) {
      if (finishedAtMs != null) {
        finished.push({ id, finishedAtMs, bytes: 0 })
      }
    }

    if (retention.bytes != null) {
      await this.#weigh(finished.filter(({ id }) => !this.#bytes.has(id)).map(({ id }) => id))
    }

    return finished.map(job => ({ ...job, bytes: this.#bytes.get(job.id) ?? 0 }))
  }

  async #weigh (ids: string[]): Promise<void> {
    const printed = ids.length === 0 ? new Map<string, number>() : await this.#components.outputs.bytesOf(new Set(ids))

    for (const id of ids) {
      this.#bytes.set(id, (printed.get(id) ?? 0) + await this.#components.jobs.resultBytes(id) + await this.#components.files.bytesOf(id))
    }
  }

  async #inTurn (work: () => Promise<unknown>): Promise<void> {
    this.#turn = this.#turn.then(work).then(() => {}, err => { this.#components.log(`removing old jobs: ${toError(err).message}`) })
    await this.#turn
  }
}
