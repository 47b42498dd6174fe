import { unmetDemand } from '../../../machine/demands.ts'
import { matches } from '../../../machine/match.ts'
import { holdersOf } from './holders.ts'
import { TaskQueue } from './queue.ts'
import type { QueuedTask } from './queue.ts'
import type { JobEntry, TaskEntry, WorkerEntry } from './state.ts'
import type { Job } from '../../../model/job.ts'
import type { WorkerInfo } from '../../../model/machine.ts'

/**
 * Queued tasks that the same workers may do: those for one worker, or those of
 * jobs that demand the same. Whether a worker may is asked once for all of them.
 */
export class Lane {
  readonly key: string
  /** The one worker that its tasks are for. */
  readonly target?: string
  /** See `avoidKey`. */
  readonly avoids: string
  readonly clients = new Map<string, TaskQueue>()
  readonly #avoided: ReadonlySet<string>
  readonly #entry: JobEntry
  readonly #fits = new WeakMap<WorkerInfo, boolean>()

  /** Of its first task: what the others demand is the same. */
  constructor (key: string, entry: JobEntry, task: TaskEntry) {
    this.key = key
    this.target = task.target
    this.avoids = avoidKey(task)
    this.#avoided = new Set(task.avoids?.keys())
    this.#entry = entry
  }

  get isEmpty (): boolean {
    return this.clients.size === 0
  }

  fits (info: WorkerInfo): boolean {
    if (this.target != null) {
      return this.target === info.peerId
    }

    if (this.#avoided.has(info.peerId)) {
      return false
    }

    let fits = this.#fits.get(info)

    if (fits == null) {
      fits = mayDo(info, this.#entry.job)
      this.#fits.set(info, fits)
    }

    return fits
  }

  /** What comes first for this worker: of a job whose tasks are for different workers, only what no other task keeps from it. */
  next (queue: TaskQueue, worker: WorkerEntry): QueuedTask | undefined {
    const first = queue.first()
    const [holder, ...others] = holdersOf(this.#entry, worker)

    // the lane is that job's alone
    if (holder == null || first == null || holder === first.task) {
      return others.length === 0 ? first : undefined
    }

    return others.length === 0 && holder.track.lane === this ? { ...first, task: holder, ticket: holder.track.ticket } : undefined
  }

  push (entry: JobEntry, task: TaskEntry, ticket: number): void {
    let queue = this.clients.get(entry.job.client)

    if (queue == null) {
      queue = new TaskQueue()
      this.clients.set(entry.job.client, queue)
    }

    queue.push(task, entry, ticket)
  }

  /** A task of this client has left it. */
  leave (client: string): void {
    const queue = this.clients.get(client)

    queue?.leave()

    if (queue?.size === 0) {
      this.clients.delete(client)
    }
  }
}

/** May this worker do a job that is for any? */
export function mayDo (worker: WorkerInfo, job: Job): boolean {
  return matches(worker, job.placement.where) === true && unmetDemand(worker, job) == null
}

/** Of a task that waits. */
export function laneKey ({ job, held }: JobEntry, task: TaskEntry): string {
  return task.target != null ? laneOf(task.target) : `${held == null ? demandKey(job) : `some ${job.id}`}${avoidKey(task)}`
}

/** The workers that a task does without for now; empty when it takes any. */
export function avoidKey ({ avoids }: TaskEntry): string {
  return avoids == null || avoids.size === 0 ? '' : ` not ${[...avoids.keys()].sort().join()}`
}

/** Tasks for one worker. */
export function laneOf (worker: string): string {
  return `@${worker}`
}

const keys = new WeakMap<Job, string>()

function demandKey (job: Job): string {
  let key = keys.get(job)

  if (key == null) {
    key = JSON.stringify([job.kind, job.placement.where, job.require ?? [], job.limits, job.coldCache === true, (job.variants?.choices ?? []).map(({ where }) => where)])
    keys.set(job, key)
  }

  return key
}
