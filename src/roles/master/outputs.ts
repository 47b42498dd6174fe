import { executionId, parseExecutionId } from '../../model/ids.ts'
import { Spools } from '../../store/spool.ts'
import { Output } from '../output.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/** What executions have printed, kept by the master: written by deliveries, read by attached clients. */
export class Outputs {
  /** Called when there is more output of a job. */
  onGrown: (job: string) => void = () => {}
  readonly #spools: Spools
  readonly #executions = new Map<string, Set<string>>()

  private constructor (spools: Spools) {
    this.#spools = spools
  }

  static async open (dir: string): Promise<Outputs> {
    const outputs = new Outputs(await Spools.open(dir))

    for (const { key } of await outputs.#spools.list()) {
      outputs.#remember(executionId(key))
    }

    return outputs
  }

  async of (execution: string): Promise<Output> {
    const output = await Output.open(this.#spools, execution)
    const { job } = parseExecutionId(execution)

    this.#remember(execution)
    output.onGrown = () => { this.onGrown(job) }

    return output
  }

  /** In the order in which they began to print. */
  executionsOf (job: string): string[] {
    return [...this.#executions.get(job) ?? []]
  }

  /** Those that have printed something. */
  jobs (): string[] {
    return [...this.#executions.keys()]
  }

  async bytesOf (job: string): Promise<number> {
    let bytes = 0

    for (const execution of this.executionsOf(job)) {
      bytes += await this.#spools.bytesOf(parseExecutionId(execution))
    }

    return bytes
  }

  /** With all that its executions have printed. */
  async remove (job: string): Promise<void> {
    for (const execution of this.executionsOf(job)) {
      await (await Output.open(this.#spools, execution)).remove()
    }

    this.#executions.delete(job)
  }

  async read (execution: string, stream: OutputStream, from: number, maxBytes: number): Promise<Uint8Array> {
    return (await Output.open(this.#spools, execution)).read(stream, from, maxBytes)
  }

  /** Bytes that are here. */
  async sizeOf (execution: string, stream: OutputStream): Promise<number> {
    return (await Output.open(this.#spools, execution)).size(stream)
  }

  async close (): Promise<void> {
    await this.#spools.close()
  }

  #remember (execution: string): void {
    const { job } = parseExecutionId(execution)
    const executions = this.#executions.get(job) ?? new Set()

    this.#executions.set(job, executions.add(execution))
  }
}
