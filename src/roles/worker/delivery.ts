import { MeshmarkError, toError } from '../../model/errors.ts'
import { task as taskProtocol } from '../../node/protocol/task/index.ts'
import { OUTPUT_STREAMS } from '../output.ts'
import type { Output } from '../output.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { MeshNode } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { OutputStream, TaskConfirm, TaskReport } from '../../node/protocol/task/messages.ts'

const PIECE = 256 * 1024

/** Output on its way and not confirmed, at most. */
const WINDOW = 1024 * 1024

type LiveReport = Extract<TaskReport, { kind: 'phase' | 'progress' }>

/**
 * Delivers one execution to one master, as it goes on: where it stands, its
 * output from disk, and at the end its result. Survives nothing by itself: when
 * the stream breaks, `deliver` rejects, and is called again with the next one.
 */
export class Delivery {
  #phase?: LiveReport
  readonly #progress = new Map<number, LiveReport>()
  #result?: ExecutionResult
  #wake = (): void => {}
  #taken = { stdout: 0, stderr: 0 }
  #stored = false

  /** `live` = output is sent while the program runs; a measured one is left in peace until its end. */
  constructor (readonly execution: string, private readonly output: Output, private readonly live: () => boolean) {
    output.onGrown = () => { this.#wake() }
  }

  note (report: LiveReport): void {
    if (report.kind === 'phase') {
      this.#phase = report
    } else {
      this.#progress.set(report.command, report)
    }

    this.#wake()
  }

  finish (result: ExecutionResult): void {
    this.#result = result
    this.#wake()
  }

  /** Resolves true when the master has stored the result, false when it knows no such job. */
  async deliver (node: MeshNode, master: string, signal: AbortSignal): Promise<boolean> {
    const channel = await node.openChannel(master, taskProtocol, { signal })

    try {
      await channel.send({ kind: 'begin', execution: this.execution }, { signal })
      const answer = await channel.receive({ signal })

      if (answer?.kind === 'refused') {
        return false
      }

      if (answer?.kind !== 'resume') {
        throw new MeshmarkError('failed', 'the master did not say where to resume')
      }

      const sent = { stdout: answer.stdout, stderr: answer.stderr }
      this.#taken = { ...sent }
      this.#stored = false

      const confirming = this.#readConfirms(channel, signal)
      confirming.catch(() => { this.#wake() })
      await Promise.race([this.#send(channel, sent, signal), confirming])
      await confirming
      await channel.close()

      return true
    } catch (err) {
      channel.abort(toError(err))
      throw err
    }
  }

  async #readConfirms (channel: Channel<TaskConfirm, TaskReport>, signal: AbortSignal): Promise<void> {
    while (!this.#stored) {
      const confirm = await channel.receive({ signal })

      if (confirm == null) {
        throw new MeshmarkError('failed', 'the master closed the delivery before it had stored the result')
      }

      if (confirm.kind === 'taken') {
        this.#taken = { stdout: confirm.stdout, stderr: confirm.stderr }
        this.#wake()
      } else if (confirm.kind === 'stored') {
        this.#stored = true
      } else {
        throw new MeshmarkError('failed', `the master refused the delivery: ${confirm.kind === 'refused' ? confirm.reason : confirm.kind}`)
      }
    }
  }

  async #send (channel: Channel<TaskConfirm, TaskReport>, sent: Record<OutputStream, number>, signal: AbortSignal): Promise<void> {
    while (true) {
      // before looking for work, so that nothing that comes meanwhile is slept through
      const { promise: woken, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve

      // forgotten when it is gone: a stream that breaks leaves it to the next one
      const phase = this.#phase

      if (phase != null) {
        await channel.send(phase, { signal })
        this.#phase = this.#phase === phase ? undefined : this.#phase
      }

      for (const [command, progress] of this.#progress) {
        await channel.send(progress, { signal })

        if (this.#progress.get(command) === progress) {
          this.#progress.delete(command)
        }
      }

      // taken before the output is read: all output of a finished execution is on disk
      const result = this.#result

      if (result != null || this.live()) {
        for (const stream of OUTPUT_STREAMS) {
          await this.#sendOutput(channel, stream, sent, signal)
        }
      }

      // the master may have more than is left here: a power cut takes what was sent before it was fsynced
      if (result != null && OUTPUT_STREAMS.every(stream => sent[stream] >= this.output.size(stream))) {
        await channel.send({ kind: 'result', result, stdoutBytes: sent.stdout, stderrBytes: sent.stderr }, { signal })
        return
      }

      signal.throwIfAborted()
      await woken
    }
  }

  async #sendOutput (channel: Channel<TaskConfirm, TaskReport>, stream: OutputStream, sent: Record<OutputStream, number>, signal: AbortSignal): Promise<void> {
    while (sent[stream] - this.#taken[stream] < WINDOW) {
      const data = await this.output.read(stream, sent[stream], PIECE)

      if (data.byteLength === 0) {
        return
      }

      await channel.send({ kind: 'output', stream, offset: sent[stream], data }, { signal })
      sent[stream] += data.byteLength
    }
  }
}
