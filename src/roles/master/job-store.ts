import { itemTasks } from '../../model/each.ts'
import { MeshmarkError, toError } from '../../model/errors.ts'
import { executionId, parseExecutionId, shortJobId } from '../../model/ids.ts'
import { decodeJob, decodeResult, encodeResult } from '../../node/protocol/model/index.ts'
import { open } from '../../node/membership.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import type { Target } from './coordinator/state.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { Job } from '../../model/job.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Journal } from '../../store/journal.ts'
import type { Position, Replica } from './replica/replica.ts'

/** A job as accepted: what its client sealed, and who it is for. */
export interface StoredJob {
  job: Job
  sealed: Uint8Array
  acceptedAtMs: number
  finishedAtMs?: number
  cancelled: boolean
  /** By its deadline. */
  expired?: boolean
  targets: Target[]
  assigned: ExecutionKey[]
}

interface Acceptance {
  acceptedAtMs: number
  targets: Target[]
}

export interface JobStoreComponents {
  replica: Replica
  journal: Journal
  log: (line: string) => void
}

const NONE = new Uint8Array(0)
/** Of the two that a cancel may hold the smaller bytes stay. */
const EXPIRED = new Uint8Array([1])

/** Records of one execution kept beside the one that counts: a restored worker may make one, a hostile one any number. */
const MAX_CONFLICTS = 4

/**
 * The masters' records of jobs, as facts (replica/facts.ts has their rules). The
 * log only grows: a job is immutable, results are keyed by execution, a cancel
 * is a permanent mark. Whatever writes resolves once it is on the disk here,
 * with the place in the log that other masters must have reached to have it.
 *
 *   job/<id>        sealed job
 *   accepted/<id>   when, and its frozen targets
 *   assign/<exec>   the assignment, on disk before START
 *   result/<exec>   the worker's record
 *   cancel/<id>     cancelled; with a byte in it, by its deadline
 *   end/<id>        when its last task ended, as the coordinator saw it
 *
 * And of this master alone:
 *
 *   local/output/<exec>   its worker has brought all of its output
 */
export class JobStore {
  readonly #replica: Replica
  readonly #journal: Journal
  readonly #log: (line: string) => void
  /** Results by the bytes that are kept of them, for as long as these are. */
  readonly #decoded = new WeakMap<Uint8Array, ExecutionResult>()
  /** Records that cannot be read are named once. */
  readonly #unreadable = new Set<string>()

  constructor ({ replica, journal, log }: JobStoreComponents) {
    this.#replica = replica
    this.#journal = journal
    this.#log = log
  }

  /** Rejects with `conflict` when the job was pruned: it does not come back to life. */
  async accept (job: Job, sealed: Uint8Array, acceptance: Acceptance): Promise<Position> {
    if (this.#replica.isBuried(job.id)) {
      throw new MeshmarkError('conflict', `job ${shortJobId(job.id)} is no longer kept here: submit it as a new one`)
    }

    return this.#replica.write([
      { key: `job/${job.id}`, value: sealed },
      // of a job with items they follow from these
      { key: `accepted/${job.id}`, value: toBytes(job.each == null ? acceptance : { ...acceptance, targets: [] }) }
    ])
  }

  async sealed (id: string): Promise<Uint8Array | undefined> {
    return this.#replica.get(`job/${id}`)
  }

  /** A job may be here without: its acceptance was still on its way when the master that took it was lost. */
  async isAccepted (id: string): Promise<boolean> {
    return await this.#replica.get(`accepted/${id}`) != null
  }

  /** What another master must have reached to have an accepted job. */
  async locate (id: string): Promise<Position> {
    const records = await Promise.all([`job/${id}`, `accepted/${id}`].map(async key => ({ key, value: await this.#replica.get(key) })))

    return this.#replica.write(records.flatMap(({ key, value }) => value == null ? [] : [{ key, value }]))
  }

  async assign (executions: string[]): Promise<Position> {
    return this.#replica.write(executions.map(execution => ({ key: `assign/${execution}`, value: NONE })))
  }

  /** Was it given to its worker, or about to be? */
  async isAssigned (execution: string): Promise<boolean> {
    return await this.#replica.get(`assign/${execution}`) != null
  }

  /**
   * Another record of this execution may be here already: the replica keeps
   * both, and one of them counts everywhere. Rejects with `refused` when there
   * are more than anything but a broken worker would make.
   */
  async addResult (result: ExecutionResult): Promise<Position> {
    const execution = executionId(result.key)
    const key = `result/${execution}`
    const value = encodeResult(result)
    const known = await this.#replica.get(key)

    if (known != null && Buffer.compare(known, value) !== 0) {
      const others = await this.#conflictsWith(execution)

      if (others.length >= MAX_CONFLICTS && !others.some(other => Buffer.compare(other, value) === 0)) {
        throw new MeshmarkError('refused', `there are ${others.length + 1} different records of execution ${execution} already`)
      }

      this.#log(`a second record of execution ${execution}: both are kept`)
    }

    this.#decoded.set(value, result)

    return this.#replica.write([{ key, value }])
  }

  /** Records of the job's executions that differ from those that count. */
  async conflicting (id: string): Promise<ExecutionResult[]> {
    const results: ExecutionResult[] = []

    for await (const { key, value } of this.#replica.iterate(`conflict/${id}/`)) {
      results.push(...optional(this.#read(key, () => decodeResult(value))))
    }

    return results
  }

  /** @param expired - by its deadline; a client's own cancel counts before that */
  async cancel (id: string, expired = false): Promise<Position> {
    return this.#replica.write([{ key: `cancel/${id}`, value: expired ? EXPIRED : NONE }])
  }

  /** The coordinator's word: tasks without a record have been lost. */
  async end (id: string, atMs: number): Promise<Position> {
    return this.#replica.write([{ key: `end/${id}`, value: toBytes({ atMs }) }])
  }

  /** Removed with its results, here or elsewhere: nothing of it comes back. */
  isBuried (id: string): boolean {
    return this.#replica.isBuried(id)
  }

  /** All that this execution has printed is on the disk of this master, brought by its worker. */
  async endOutput (execution: string): Promise<void> {
    await this.#journal.put(`local/output/${execution}`, NONE, { durable: false })
  }

  async hasOutput (execution: string): Promise<boolean> {
    return await this.#journal.get(`local/output/${execution}`) != null
  }

  /** What only this master has noted of a job that is buried. */
  async forgetLocal (id: string): Promise<void> {
    for await (const { key } of this.#journal.iterate(`local/output/${id}/`)) {
      await this.#journal.del(key)
    }
  }

  /** Takes a finished job away here and, in time, at all masters; it never comes back. */
  async bury (ids: string[], atMs: number): Promise<Position> {
    return this.#replica.write(ids.map(id => ({ key: `tombstone/${id}`, value: toBytes({ atMs }) })))
  }

  async result (execution: string): Promise<ExecutionResult | undefined> {
    const key = `result/${execution}`
    const bytes = await this.#replica.get(key)

    return bytes == null ? undefined : this.#decoded.get(bytes) ?? this.#read(key, () => decodeResult(bytes))
  }

  async results (id: string): Promise<ExecutionResult[]> {
    const results: ExecutionResult[] = []

    for await (const result of this.eachResult(id)) {
      results.push(result)
    }

    return results
  }

  /** One after the other: all samples of many workers at once may be more than fits. */
  async * eachResult (id: string): AsyncGenerator<ExecutionResult> {
    for await (const { key, value } of this.#replica.iterate(`result/${id}/`)) {
      yield * optional(this.#read(key, () => decodeResult(value)))
    }
  }

  async resultBytes (id: string): Promise<number> {
    let bytes = 0

    for await (const { value } of this.#replica.iterate(`result/${id}/`)) {
      bytes += value.byteLength
    }

    return bytes
  }

  /** Undefined also when its job or its acceptance is not here yet, or cannot be read. */
  async get (id: string): Promise<StoredJob | undefined> {
    const [sealed, acceptance, cancel, end] = await Promise.all(['job', 'accepted', 'cancel', 'end'].map(async kind => this.#replica.get(`${kind}/${id}`)))

    if (sealed == null || acceptance == null) {
      return undefined
    }

    const job = await this.#readJob(id, sealed)
    const accepted = this.#read(`accepted/${id}`, () => readAcceptance(acceptance))
    const ended = end == null ? undefined : this.#read(`end/${id}`, () => fromBytes<{ atMs: number }>(end))

    if (job == null || accepted == null) {
      return undefined
    }

    const targets = job.each == null ? accepted.targets : itemTasks(job.each.items.length).map(task => ({ task }))

    return { job, sealed, ...accepted, targets, finishedAtMs: ended?.atMs, cancelled: cancel != null, ...(isExpired(cancel) ? { expired: true } : {}), assigned: await this.#assigned(id) }
  }

  /** Ids of the jobs that have been called ended. */
  async ended (): Promise<Set<string>> {
    const ids = new Set<string>()

    for await (const key of this.#replica.keys('end/')) {
      ids.add(key.slice('end/'.length))
    }

    return ids
  }

  /** Every job that can be read, but for those that are left out. */
  async * all (isLeftOut: (id: string) => boolean = () => false): AsyncGenerator<StoredJob> {
    for await (const key of this.#replica.keys('accepted/')) {
      const id = key.slice('accepted/'.length)
      const stored = isLeftOut(id) ? undefined : await this.get(id)

      if (stored != null) {
        yield stored
      }
    }
  }

  async #conflictsWith (execution: string): Promise<Uint8Array[]> {
    const values: Uint8Array[] = []

    for await (const { value } of this.#replica.iterate(`conflict/${execution}/`)) {
      values.push(value)
    }

    return values
  }

  async #assigned (id: string): Promise<ExecutionKey[]> {
    const assigned: ExecutionKey[] = []

    for await (const { key } of this.#replica.iterate(`assign/${id}/`)) {
      assigned.push(...optional(this.#read(key, () => parseExecutionId(key.slice('assign/'.length)))))
    }

    return assigned
  }

  async #readJob (id: string, sealed: Uint8Array): Promise<Job | undefined> {
    try {
      const { payload } = await open(sealed, JOB_DOMAIN)
      const job = decodeJob(payload)

      if (job.id !== id) {
        throw new Error(`it is of job ${job.id}`)
      }

      return job
    } catch (err) {
      this.#tellUnreadable(`job/${id}`, err)
    }
  }

  /** One record that cannot be read is no reason to lose the others: it stays where it is, and is named. */
  #read<T> (key: string, decode: () => T): T | undefined {
    try {
      return decode()
    } catch (err) {
      this.#tellUnreadable(key, err)
    }
  }

  #tellUnreadable (key: string, err: unknown): void {
    if (!this.#unreadable.has(key)) {
      this.#unreadable.add(key)
      this.#log(`record ${key} in ${this.#journal.dir} cannot be read and is left out: ${toError(err).message}`)
    }
  }
}

/** What the record of a cancel says: was it the deadline? */
export function isExpired (cancel: Uint8Array | undefined): boolean {
  return cancel != null && cancel.byteLength > 0
}

function optional<T> (value: T | undefined): T[] {
  return value == null ? [] : [value]
}

function readAcceptance (bytes: Uint8Array): Acceptance {
  const { acceptedAtMs, targets } = fromBytes<Acceptance>(bytes)

  if (!Number.isFinite(acceptedAtMs) || !Array.isArray(targets)) {
    throw new Error('no time or no targets')
  }

  return { acceptedAtMs, targets }
}

function toBytes (value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function fromBytes<T> (bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}
