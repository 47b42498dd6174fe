import { executionId, parseExecutionId } from '../../model/ids.ts'
import { Spools } from '../../store/spool.ts'
import { Output } from '../output.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/**
 * What executions have printed, kept by the master: written by deliveries, read
 * by attached clients. In memory are only those that are in use.
 */
export class Outputs {
  /** Called when there is more output of an execution. */
  onGrown: (job: string, execution: string) => void = () => {}
  readonly #spools: Spools
  readonly #open = new Map<string, { output: Promise<Output>, users: number }>()
  /** Closed by their last user: nobody opens them anew before that is done. */
  readonly #closing = new Map<string, Promise<void>>()

  private constructor (spools: Spools) {
    this.#spools = spools
  }

  static async open (dir: string): Promise<Outputs> {
    return new Outputs(await Spools.open(dir))
  }

  /** The same for all who use the same execution. `release` it in the end. */
  async of (execution: string): Promise<Output> {
    const known = this.#open.get(execution) ?? { output: this.#openOutput(execution), users: 0 }

    this.#open.set(execution, known)
    known.users++

    return known.output
  }

  /** One user less; after the last one it takes no memory. */
  async release (execution: string): Promise<void> {
    const known = this.#open.get(execution)

    if (known == null || --known.users > 0) {
      return
    }

    this.#open.delete(execution)

    const closing = known.output.then(async output => output.close(), () => {}).finally(() => { this.#closing.delete(execution) })

    this.#closing.set(execution, closing)
    await closing
  }

  /** Lends it for as long as `use` needs it. */
  async use<T> (execution: string, use: (output: Output) => Promise<T>): Promise<T> {
    try {
      return await use(await this.of(execution))
    } finally {
      await this.release(execution)
    }
  }

  /** Bytes of all that these jobs have printed here, by job. */
  async bytesOf (jobs: ReadonlySet<string>): Promise<Map<string, number>> {
    const bytes = new Map<string, number>()

    for await (const execution of this.#executionsOf(jobs)) {
      const { job } = parseExecutionId(execution)

      bytes.set(job, (bytes.get(job) ?? 0) + await this.#spools.bytesOf(parseExecutionId(execution)))
    }

    return bytes
  }

  /** All that was printed by executions of jobs that are gone. */
  async removeOf (isGone: (job: string) => boolean): Promise<void> {
    for await (const { key } of this.#spools.each()) {
      if (isGone(key.job)) {
        await this.use(executionId(key), async output => output.remove())
      }
    }
  }

  async read (execution: string, stream: OutputStream, from: number, maxBytes: number): Promise<Uint8Array> {
    return this.use(execution, async output => output.read(stream, from, maxBytes))
  }

  /** Bytes that are here. */
  async sizeOf (execution: string, stream: OutputStream): Promise<number> {
    return this.use(execution, async output => output.size(stream))
  }

  async close (): Promise<void> {
    await this.#spools.close()
  }

  /** Each once, whatever streams it has. */
  async * #executionsOf (jobs: ReadonlySet<string>): AsyncGenerator<string> {
    const seen = new Set<string>()

    for await (const { key } of this.#spools.each()) {
      const execution = executionId(key)

      if (jobs.has(key.job) && !seen.has(execution)) {
        seen.add(execution)
        yield execution
      }
    }
  }

  async #openOutput (execution: string): Promise<Output> {
    await this.#closing.get(execution)

    const output = await Output.open(this.#spools, execution)
    const { job } = parseExecutionId(execution)

    output.onGrown = () => { this.onGrown(job, execution) }

    return output
  }
}
