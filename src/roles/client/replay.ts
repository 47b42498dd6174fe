import { executionId, parseExecutionId } from '../../model/ids.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { OutputOffset, SubmitReply } from '../../node/protocol/submit/messages.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'

/**
 * What a client has been told of one job, by whichever master, so that the next
 * one neither repeats nor leaves out anything: every byte of output and every
 * result passes once, in order. Pure.
 */
export class Replay {
  readonly #offsets = new Map<string, OutputOffset>()
  readonly #results = new Map<string, ExecutionResult>()
  /** The program's own bytes are all that its streams hold, so that a result says how many there must be. */
  #exact = false
  readonly #isTail: boolean

  /** @param isTail - a stream of which nothing has come yet may begin anywhere */
  constructor (offsets: readonly OutputOffset[] = [], isTail = false) {
    this.#isTail = isTail
    offsets.forEach(offset => { this.#offsets.set(keyOf(offset.execution, offset.stream), offset) })
  }

  /** Where to go on, as a master is asked. */
  offsets (): OutputOffset[] {
    return [...this.#offsets.values()]
  }

  /** What of a reply is new; undefined = nothing. Throws `failed` when a master leaves bytes out. */
  take (reply: SubmitReply): SubmitReply | undefined {
    switch (reply.kind) {
      case 'job':
        this.#exact = reply.view.job.kind === 'exec'
        return reply
      case 'output':
        return this.#output(reply)
      case 'result':
        return this.#result(reply)
      default:
        return reply
    }
  }

  /**
   * Whether output is still to come of executions whose results are known: a
   * master may have heard of the end from another one before it has all that
   * was printed.
   */
  get lacksOutput (): boolean {
    return this.#exact && [...this.#results.values()].some(result => {
      const printed = result.commands[0]?.output

      return printed != null && !printed.truncated && OUTPUT_STREAMS.some(stream =>
        this.#have(executionId(result.key), stream) < (stream === 'stdout' ? printed.stdoutBytes : printed.stderrBytes))
    })
  }

  #output (reply: Extract<SubmitReply, { kind: 'output' }>): SubmitReply | undefined {
    const { execution, stream, offset, data } = reply
    const have = this.#isTail && !this.#offsets.has(keyOf(execution, stream)) ? offset : this.#have(execution, stream)

    if (offset > have) {
      throw new MeshmarkError('failed', `the master went on at byte ${offset} of ${stream} of task ${parseExecutionId(execution).task}, and ${have} have come so far`)
    }

    if (offset + data.byteLength <= have) {
      return undefined
    }

    this.#offsets.set(keyOf(execution, stream), { execution, stream, offset: offset + data.byteLength })

    return { ...reply, offset: have, data: data.subarray(have - offset) }
  }

  #result (reply: Extract<SubmitReply, { kind: 'result' }>): SubmitReply | undefined {
    const execution = executionId(reply.result.key)

    if (this.#results.has(execution)) {
      return undefined
    }

    this.#results.set(execution, reply.result)

    return reply
  }

  #have (execution: string, stream: OutputStream): number {
    return this.#offsets.get(keyOf(execution, stream))?.offset ?? 0
  }
}

function keyOf (execution: string, stream: OutputStream): string {
  return `${execution}/${stream}`
}
