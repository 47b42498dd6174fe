import { executionId, parseExecutionId } from '../../model/ids.ts'
import { decodeResult, encodeResult } from '../../node/protocol/model/index.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { Claim, Held } from '../../node/protocol/register/messages.ts'
import type { Journal } from '../../store/journal.ts'

/**
 * The worker's journal: what it promised, what it ran, and the results that no
 * master has confirmed yet.
 *
 *   claim              the highest claim seen
 *   start/<exec>       it was started; stays, so that it never runs twice
 *   result/<exec>      its record, until confirmed
 *   cancelled/<job>    later STARTs are refused
 */
export class Outbox {
  constructor (private readonly journal: Journal) {}

  async saveClaim (claim: Claim): Promise<void> {
    await this.journal.put('claim', Buffer.from(JSON.stringify(claim)), { durable: true })
  }

  async loadClaim (): Promise<Claim | undefined> {
    const bytes = await this.journal.get('claim')

    return bytes == null ? undefined : JSON.parse(Buffer.from(bytes).toString())
  }

  async saveStart (execution: string): Promise<void> {
    await this.journal.put(`start/${execution}`, Buffer.from(JSON.stringify({ atMs: Date.now() })), { durable: true })
  }

  async saveCancel (job: string): Promise<void> {
    await this.journal.put(`cancelled/${job}`, new Uint8Array(0), { durable: true })
  }

  async saveResult (result: ExecutionResult): Promise<void> {
    await this.journal.put(`result/${executionId(result.key)}`, encodeResult(result), { durable: true })
  }

  async result (execution: string): Promise<ExecutionResult | undefined> {
    const bytes = await this.journal.get(`result/${execution}`)

    return bytes == null ? undefined : decodeResult(bytes)
  }

  /** Confirmed by the masters: only the mark that it ran stays. */
  async forget (execution: string): Promise<void> {
    await this.journal.put(`delivered/${execution}`, new Uint8Array(0), { durable: true })
    await this.journal.del(`result/${execution}`)
  }

  async cancelledJobs (): Promise<string[]> {
    const jobs: string[] = []

    for await (const { key } of this.journal.iterate('cancelled/')) {
      jobs.push(key.slice('cancelled/'.length))
    }

    return jobs
  }

  async unconfirmed (): Promise<string[]> {
    const executions: string[] = []

    for await (const { key } of this.journal.iterate('result/')) {
      executions.push(key.slice('result/'.length))
    }

    return executions
  }

  /**
   * Everything that ever started here. What has neither result nor delivery was
   * running when the worker died: it gets the record that says so.
   */
  async recover (): Promise<Array<[string, Held['state']]>> {
    const known: Array<[string, Held['state']]> = []

    for await (const { key, value } of this.journal.iterate('start/')) {
      const execution = key.slice('start/'.length)
      const ended = await this.journal.get(`result/${execution}`) ?? await this.journal.get(`delivered/${execution}`)

      if (ended == null) {
        await this.saveResult(interrupted(execution, JSON.parse(Buffer.from(value).toString()).atMs))
      }

      known.push([execution, 'finished'])
    }

    return known
  }
}

function interrupted (execution: string, startedAt: number): ExecutionResult {
  return {
    key: parseExecutionId(execution),
    outcome: 'interrupted',
    reason: 'the worker was killed or its machine went down while the program ran',
    commands: [],
    startedAt,
    finishedAt: Date.now(),
    waitedMs: 0
  }
}
