import { executionId, parseExecutionId } from '../../model/ids.ts'
import { decodeJob, decodeResult, encodeResult } from '../../node/protocol/model/index.ts'
import { open } from '../../node/membership.ts'
import { JOB_DOMAIN } from '../job-seal.ts'
import type { Target } from './coordinator/state.ts'
import type { ExecutionKey } from '../../model/ids.ts'
import type { Job } from '../../model/job.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Journal } from '../../store/journal.ts'

/** A job as accepted: what its client sealed, and who it is for. */
export interface StoredJob {
  job: Job
  sealed: Uint8Array
  acceptedAtMs: number
  finishedAtMs?: number
  cancelled: boolean
  targets: Target[]
  assigned: ExecutionKey[]
}

interface Acceptance {
  acceptedAtMs: number
  targets: Target[]
}

/**
 * The journal's records of jobs. The log only grows: a job is immutable,
 * results are keyed by execution, a cancel is a permanent mark.
 *
 *   job/<id>        sealed job
 *   accepted/<id>   when, and its frozen targets
 *   assign/<exec>   the assignment, on disk before START
 *   result/<exec>   the worker's record
 *   cancel/<id>     cancelled
 *   end/<id>        when its last task ended
 */
export class JobStore {
  constructor (private readonly journal: Journal) {}

  async accept (job: Job, sealed: Uint8Array, acceptance: Acceptance): Promise<void> {
    await this.journal.batch([
      { type: 'put', key: `job/${job.id}`, value: sealed },
      { type: 'put', key: `accepted/${job.id}`, value: toBytes(acceptance) }
    ], { durable: true })
  }

  async sealed (id: string): Promise<Uint8Array | undefined> {
    return this.journal.get(`job/${id}`)
  }

  async assign (executions: string[]): Promise<void> {
    await this.journal.batch(executions.map(execution => ({ type: 'put' as const, key: `assign/${execution}`, value: new Uint8Array(0) })), { durable: true })
  }

  /** Was it given to its worker, or about to be? */
  async isAssigned (execution: string): Promise<boolean> {
    return await this.journal.get(`assign/${execution}`) != null
  }

  /** False when another record of this execution was here already: it stays, and this one is kept beside it. */
  async addResult (result: ExecutionResult): Promise<boolean> {
    const key = `result/${executionId(result.key)}`
    const bytes = encodeResult(result)
    const known = await this.journal.get(key)

    if (known == null) {
      await this.journal.put(key, bytes, { durable: true })
      return true
    }

    if (!Buffer.from(known).equals(bytes)) {
      await this.journal.put(`conflict/${executionId(result.key)}`, bytes, { durable: true })
    }

    return false
  }

  async cancel (id: string): Promise<void> {
    await this.journal.put(`cancel/${id}`, new Uint8Array(0), { durable: true })
  }

  /** For people, so not worth an fsync: a restart works it out again. */
  async end (id: string, atMs: number): Promise<void> {
    await this.journal.put(`end/${id}`, toBytes({ atMs }), { durable: false })
  }

  async result (execution: string): Promise<ExecutionResult | undefined> {
    const bytes = await this.journal.get(`result/${execution}`)

    return bytes == null ? undefined : decodeResult(bytes)
  }

  async results (id: string): Promise<ExecutionResult[]> {
    const results: ExecutionResult[] = []

    for await (const { value } of this.journal.iterate(`result/${id}/`)) {
      results.push(decodeResult(value))
    }

    return results
  }

  async * all (): AsyncGenerator<StoredJob> {
    const cancelled = new Set<string>()
    const ends = new Map<string, number>()
    const assigned = new Map<string, ExecutionKey[]>()

    for await (const { key } of this.journal.iterate('cancel/')) {
      cancelled.add(key.slice('cancel/'.length))
    }

    for await (const { key, value } of this.journal.iterate('end/')) {
      ends.set(key.slice('end/'.length), fromBytes<{ atMs: number }>(value).atMs)
    }

    for await (const { key } of this.journal.iterate('assign/')) {
      const execution = parseExecutionId(key.slice('assign/'.length))
      assigned.set(execution.job, [...assigned.get(execution.job) ?? [], execution])
    }

    for await (const { key, value } of this.journal.iterate('job/')) {
      const id = key.slice('job/'.length)
      const acceptance = await this.journal.get(`accepted/${id}`)

      if (acceptance == null) {
        continue
      }

      const { payload } = await open(value, JOB_DOMAIN)

      yield {
        job: decodeJob(payload),
        sealed: value,
        ...fromBytes<Acceptance>(acceptance),
        finishedAtMs: ends.get(id),
        cancelled: cancelled.has(id),
        assigned: assigned.get(id) ?? []
      }
    }
  }
}

function toBytes (value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function fromBytes<T> (bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}
