import { setTimeout as delay } from 'node:timers/promises'
import { isMeshmarkError, MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { findJob, UnknownJobError } from './find-job.ts'
import type { Archive } from './archive.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry } from './coordinator/state.ts'
import type { Asker, Findable } from './find-job.ts'
import type { Masters } from './masters.ts'

/** A job that the client has just submitted elsewhere may be on its way here. */
const ARRIVAL_MS = 2_000
const ARRIVAL_CHECK_MS = 50

export interface KnownJobsComponents {
  coordinator: Pick<Coordinator, 'state'>
  archive: Pick<Archive, 'entry' | 'latest' | 'missing'>
  masters: Pick<Masters, 'live'>
  /** Whose jobs those of a peer are: its own, or of the client for which it stands. */
  principalOf: (peerId: string) => string
}

/** The jobs that this master knows, those under way and those in the archive, as far as they concern who asks. */
export class KnownJobs {
  readonly #components: KnownJobsComponents

  constructor (components: KnownJobsComponents) {
    this.#components = components
  }

  /** As findJob; among several masters a job may be a moment behind its client. */
  async find (selector: string, asker: Asker): Promise<JobEntry> {
    const { coordinator, masters, principalOf } = this.#components
    const untilMs = performance.now() + (masters.live().length === 0 ? 0 : ARRIVAL_MS)

    while (true) {
      const count = coordinator.state.jobs.size

      try {
        return await this.#entryOf(findJob(this.#findable(), selector, { ...asker, peerId: principalOf(asker.peerId) }).id)
      } catch (err) {
        if (performance.now() >= untilMs || !(err instanceof UnknownJobError)) {
          throw this.#withHint(err)
        }
      }

      // to look at all of them takes a while where there are many
      do {
        await delay(ARRIVAL_CHECK_MS)
      } while (coordinator.state.jobs.size === count && performance.now() < untilMs)
    }
  }

  /** A client and the pages that it has opened see the same. */
  isOwn (client: string, asker: Asker): boolean {
    const { principalOf } = this.#components

    return client === asker.peerId || principalOf(client) === principalOf(asker.peerId)
  }

  /** A client sees its own jobs, an administrator all. */
  isVisible (client: string, asker: Asker): boolean {
    return asker.admin || this.isOwn(client, asker)
  }

  * #findable (): Generator<Findable> {
    const { coordinator: { state }, archive, principalOf } = this.#components

    for (const { job: { id, client, name }, acceptedAtMs } of state.jobs.values()) {
      yield { id, client: principalOf(client), name, acceptedAtMs }
    }

    for (const { id, client, name, acceptedAtMs } of archive.latest()) {
      if (!state.jobs.has(id)) {
        yield { id, client: principalOf(client), name, acceptedAtMs }
      }
    }
  }

  async #entryOf (id: string): Promise<JobEntry> {
    const { coordinator, archive } = this.#components
    const entry = coordinator.state.jobs.get(id) ?? await archive.entry(id)

    if (entry == null) {
      throw new MeshmarkError('failed', `the records of job ${shortJobId(id)} cannot be read here: see this master's log, or ask another master`)
    }

    return entry
  }

  #withHint (err: unknown): unknown {
    const { missing } = this.#components.archive

    return missing > 0 && isMeshmarkError(err) && err.code === 'usage'
      ? new MeshmarkError('failed', `${err.message}; this master is still making its list of finished jobs anew, and ${missing} are missing in it: try again in a while`)
      : err
  }
}
