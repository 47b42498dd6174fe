import { MeshmarkError } from '../../src/model/errors.ts'
import { executionId, parseExecutionId } from '../../src/model/ids.ts'
import { decodeResult, encodeResult } from '../../src/node/protocol/model/index.ts'
import type { Job } from '../../src/model/job.ts'
import type { ExecutionResult } from '../../src/model/result.ts'
import type { Target } from '../../src/roles/master/coordinator/state.ts'
import { isExpired } from '../../src/roles/master/job-store.ts'
import type { JobStore, StoredJob } from '../../src/roles/master/job-store.ts'
import type { Position, Replica } from '../../src/roles/master/replica/replica.ts'

const NONE = new Uint8Array(0)

/** In place of what a client seals. */
export function sealJob (job: Job): Uint8Array {
  return Buffer.from(JSON.stringify(job))
}

export function openJob (sealed: Uint8Array): Job {
  return JSON.parse(Buffer.from(sealed).toString())
}

/** roles/master/job-store.ts without seals, whose checking takes real time. */
export class SimJobs implements Pick<JobStore, 'get' | 'result' | 'results' | 'sealed' | 'assign' | 'isAssigned' | 'cancel' | 'end' | 'bury' | 'accept' | 'addResult'> {
  constructor (private readonly replica: Replica) {}

  async accept (job: Job, sealed: Uint8Array, acceptance: { acceptedAtMs: number, targets: Target[] }): Promise<Position> {
    if (this.replica.isBuried(job.id)) {
      throw new MeshmarkError('conflict', 'this job is no longer kept')
    }

    return this.replica.write([{ key: `job/${job.id}`, value: sealed }, { key: `accepted/${job.id}`, value: toBytes(acceptance) }])
  }

  async sealed (id: string): Promise<Uint8Array | undefined> {
    return this.replica.get(`job/${id}`)
  }

  async assign (executions: string[]): Promise<Position> {
    return this.replica.write(executions.map(execution => ({ key: `assign/${execution}`, value: NONE })))
  }

  async isAssigned (execution: string): Promise<boolean> {
    return await this.replica.get(`assign/${execution}`) != null
  }

  async addResult (result: ExecutionResult): Promise<Position> {
    return this.replica.write([{ key: `result/${executionId(result.key)}`, value: encodeResult(result) }])
  }

  async cancel (id: string, expired = false): Promise<Position> {
    return this.replica.write([{ key: `cancel/${id}`, value: expired ? new Uint8Array([1]) : NONE }])
  }

  async end (id: string, atMs: number): Promise<Position> {
    return this.replica.write([{ key: `end/${id}`, value: toBytes({ atMs }) }])
  }

  async bury (ids: string[], atMs: number): Promise<Position> {
    return this.replica.write(ids.map(id => ({ key: `tombstone/${id}`, value: toBytes({ atMs }) })))
  }

  async result (execution: string): Promise<ExecutionResult | undefined> {
    const bytes = await this.replica.get(`result/${execution}`)

    return bytes == null ? undefined : decodeResult(bytes)
  }

  async results (id: string): Promise<ExecutionResult[]> {
    const results: ExecutionResult[] = []

    for await (const { value } of this.replica.iterate(`result/${id}/`)) {
      results.push(decodeResult(value))
    }

    return results
  }

  async get (id: string): Promise<StoredJob | undefined> {
    const [sealed, acceptance, cancel, end] = await Promise.all(['job', 'accepted', 'cancel', 'end'].map(async kind => this.replica.get(`${kind}/${id}`)))

    if (sealed == null || acceptance == null) {
      return undefined
    }

    const assigned = []

    for await (const { key } of this.replica.iterate(`assign/${id}/`)) {
      assigned.push(parseExecutionId(key.slice('assign/'.length)))
    }

    return {
      job: openJob(sealed),
      sealed,
      ...fromBytes<{ acceptedAtMs: number, targets: Target[] }>(acceptance),
      finishedAtMs: end == null ? undefined : fromBytes<{ atMs: number }>(end).atMs,
      cancelled: cancel != null,
      ...(isExpired(cancel) ? { expired: true } : {}),
      assigned
    }
  }

  async * all (): AsyncGenerator<StoredJob> {
    for await (const { key } of this.replica.iterate('accepted/')) {
      const stored = await this.get(key.slice('accepted/'.length))

      if (stored != null) {
        yield stored
      }
    }
  }
}

export function toBytes (value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

export function fromBytes<T> (bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString())
}
