import { MeshmarkError } from '../../model/errors.ts'
import { shortJobId } from '../../model/ids.ts'
import { jobPayloads } from '../../model/job-payloads.ts'
import { freezeTargets } from './coordinator/targets.ts'
import type { CoordinatorEvent, CoordinatorState, Target } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { Masters } from './masters.ts'
import type { Payloads } from './payloads.ts'
import type { Position, Replica } from './replica/replica.ts'
import type { Job } from '../../model/job.ts'
import type { ContentStore } from '../../store/content.ts'

/** Where a job is on disk: names of masters, this one first, and of those that could not be waited for. */
export interface Durable {
  on: string[]
  leftOut: string[]
}

export interface AcceptanceComponents {
  replica: Replica
  jobs: JobStore
  content: ContentStore
  payloads: Payloads
  masters: Pick<Masters, 'live' | 'replicated'>
  state: () => CoordinatorState
  dispatch: (event: CoordinatorEvent) => void
}

/** Takes jobs in: what is accepted is on disk, here and elsewhere, with its files. */
export class Acceptance {
  readonly #components: AcceptanceComponents

  constructor (components: AcceptanceComponents) {
    this.#components = components
  }

  /** Who the job is for, if it can be taken now; otherwise throws `no-worker` or `refused`. Stores nothing. */
  judge (job: Job): Target[] {
    const { state, masters } = this.#components
    const targets = freezeTargets(state(), job)

    checkReplicas(job, 1 + masters.live().length)

    return targets
  }

  /**
   * Throws `no-worker` or `refused` before anything is stored. Resolves when the
   * job is durable, here and on the masters named; with `replicas` on so many,
   * or nothing is accepted.
   */
  async accept (job: Job, sealed: Uint8Array): Promise<Durable> {
    const { jobs, content, replica, state, dispatch } = this.#components
    const targets = this.judge(job)
    const acceptedAtMs = Date.now()
    const accepted = (): void => { dispatch({ kind: 'accept', job, acceptedAtMs, targets, nowMs: Date.now() }) }

    jobPayloads(job).forEach(({ id }) => { content.pin(id, job.id) })

    try {
      // before anything is written: who is slow to answer already would leave too few
      const payload = job.replicas == null ? undefined : both([await this.#replicated(replica.position), await this.#replicatePayload(job)])

      checkReplicas(job, payload?.on.length ?? Infinity)

      const position = await jobs.accept(job, sealed, { acceptedAtMs, targets })

      if (job.replicas == null) {
        accepted()
      }

      const durable = both(await Promise.all([this.#replicated(position), payload ?? this.#replicatePayload(job)]))

      if (job.replicas != null && durable.on.length < job.replicas) {
        // what some have already must not come to life anywhere
        await jobs.bury([job.id], Date.now())
        // others may have spoken of it already
        dispatch({ kind: 'forget', job: job.id, nowMs: Date.now() })

        throw new MeshmarkError('refused', `${job.replicas} masters are to have the job on disk (--replicas) and only ${durable.on.length} took it (${durable.leftOut.join(', ') || 'the others'} did not): nothing was accepted, and the id ${job.id} is spent; submit it again, as a new job, when meshmark nodes shows them`)
      }

      if (job.replicas != null) {
        // another master that was asked for the very same job may have refused it meanwhile
        if (jobs.isBuried(job.id)) {
          throw new MeshmarkError('refused', `too few masters took job ${job.id} on disk (--replicas) when it was first submitted: nothing was accepted, and its id is spent; submit it again, as a new job`)
        }

        accepted()
      }

      return durable
    } catch (err) {
      if (!state().jobs.has(job.id)) {
        jobPayloads(job).forEach(({ id }) => { content.unpin(id, job.id) })
      }

      throw err
    }
  }

  /** Where a job is that was accepted before; with its payload, as long as that may be needed. Throws `failed` when that is on fewer masters than it wants. */
  async locate (job: Job, isOver: boolean): Promise<Durable> {
    const { jobs } = this.#components
    const position = await jobs.locate(job.id)
    const durable = both(await Promise.all([this.#replicated(position), isOver ? undefined : this.#replicatePayload(job)]))

    if (job.replicas != null && durable.on.length < job.replicas) {
      throw new MeshmarkError('failed', `job ${shortJobId(job.id)} was accepted before and goes on, but only ${durable.on.length} of the ${job.replicas} masters that are to have it (--replicas) have it now: start more masters, or cancel it`)
    }

    return durable
  }

  async #replicated (position: Position): Promise<Durable> {
    return this.#components.masters.replicated(position)
  }

  async #replicatePayload (job: Job): Promise<Durable | undefined> {
    const places = await Promise.all(jobPayloads(job).map(async manifest => this.#components.payloads.replicate(manifest)))

    return places.length === 0 ? undefined : places.reduce((one, other) => both([one, other]))
  }
}

function checkReplicas ({ replicas }: Job, masters: number): void {
  if (replicas != null && masters < replicas) {
    throw new MeshmarkError('refused', `${replicas} masters are to have the job on disk (--replicas) and only ${masters} can: nothing was accepted; start more masters (see meshmark nodes) and submit it again, or ask for fewer`)
  }
}

/** On disk is what both are; a job without a payload is wherever its record is. */
function both ([facts, payload]: [Durable, Durable | undefined]): Durable {
  return payload == null
    ? facts
    : { on: facts.on.filter(name => payload.on.includes(name)), leftOut: [...new Set([...facts.leftOut, ...payload.leftOut])] }
}
