import { toError } from '../../model/errors.ts'
import { mastersAsk } from '../../node/protocol/masters/index.ts'
import { request } from '../../node/request.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import type { JobStore } from './job-store.ts'
import type { Masters } from './masters.ts'
import type { Outputs } from './outputs.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { AskReply, AskRequest } from '../../node/protocol/masters/messages.ts'
import type { ExecutionResult, OutputFacts } from '../../model/result.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/** Output travels between masters in pieces of this size at most. */
const PIECE = 256 * 1024

export interface MissingOutputComponents {
  node: MeshNode
  masters: Pick<Masters, 'live'>
  jobs: Pick<JobStore, 'hasOutput'>
  outputs: Outputs
  log: (line: string) => void
}

/** Output of executions whose record came from another master: its worker may have forgotten it by now. */
export class MissingOutput {
  readonly #components: MissingOutputComponents
  readonly #asked = new Map<string, Promise<void>>()

  constructor (components: MissingOutputComponents) {
    this.#components = components
  }

  /** Resolves when there is no more of it to be had from the masters that are live. What its record says that it printed is not asked for when it is here. */
  async fetch (execution: string, result?: ExecutionResult): Promise<void> {
    const { jobs, masters } = this.#components
    const live = masters.live()

    if (live.length === 0 || await jobs.hasOutput(execution) || await this.#isHere(execution, result?.commands[0]?.output)) {
      return
    }

    const fetching = this.#asked.get(execution) ?? this.#fetchFrom(live, execution).finally(() => { this.#asked.delete(execution) })
    this.#asked.set(execution, fetching)

    return fetching
  }

  /** Answers another master. */
  async answer ({ execution, stream, offset }: Extract<AskRequest, { kind: 'want-output' }>): Promise<AskReply> {
    const { outputs } = this.#components
    const size = await outputs.sizeOf(execution, stream)

    return size === 0 ? { kind: 'none' } : { kind: 'output', data: await outputs.read(execution, stream, offset, PIECE), size }
  }

  async #isHere (execution: string, printed: OutputFacts | undefined): Promise<boolean> {
    const { outputs } = this.#components

    return printed != null && !printed.truncated &&
      await outputs.sizeOf(execution, 'stdout') >= printed.stdoutBytes && await outputs.sizeOf(execution, 'stderr') >= printed.stderrBytes
  }

  async #fetchFrom (masters: string[], execution: string): Promise<void> {
    for (const master of masters) {
      try {
        for (const stream of OUTPUT_STREAMS) {
          await this.#fetchStream(master, execution, stream)
        }
      } catch (err) {
        this.#components.log(`output of ${execution}, master ${master.slice(-8)}: ${toError(err).message}`)
      }
    }
  }

  async #fetchStream (master: string, execution: string, stream: OutputStream): Promise<void> {
    const { node, outputs } = this.#components

    while (true) {
      const offset = await outputs.sizeOf(execution, stream)
      const answer = await request(node, master, mastersAsk, { kind: 'want-output', execution, stream, offset })

      if (answer.kind !== 'output' || answer.data.byteLength === 0) {
        return
      }

      await outputs.use(execution, async output => output.appendAt(stream, offset, answer.data))

      if (offset + answer.data.byteLength >= answer.size) {
        return
      }
    }
  }
}

/** By its record; without a word on that in it, it may have. */
export function mayHavePrinted ({ commands }: ExecutionResult): boolean {
  return commands.length === 0 || commands.some(({ output }) => output == null || output.stdoutBytes + output.stderrBytes > 0)
}
