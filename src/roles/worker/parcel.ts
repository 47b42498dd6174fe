import type { ExecutionResult } from '../../model/result.ts'
import type { OutputStream, TaskReport } from '../../node/protocol/task/messages.ts'

export type LiveReport = Extract<TaskReport, { kind: 'phase' | 'progress' }>

/** What a parcel needs of an output. */
export interface ReadableOutput {
  size: (stream: OutputStream) => number
  read: (stream: OutputStream, from: number, maxBytes: number) => Promise<Uint8Array>
}

/** Of an execution that has printed nothing and never will. */
export const NO_OUTPUT: ReadableOutput = { size: () => 0, read: async () => new Uint8Array(0) }

/**
 * All that there is to say of one execution while it goes on and when it is
 * over. Every master's delivery reads it at its own pace.
 */
export class Parcel {
  readonly execution: string
  readonly output: ReadableOutput
  /** Output is sent while the program runs; that of a measured one waits, so that it is left in peace. */
  readonly live: () => boolean
  /** One of many, of which nobody follows each. */
  readonly isItem: () => boolean
  /** Another one begins in its place as soon as it has ended. */
  readonly isFollowed: boolean
  readonly beganMs = performance.now()
  readonly #readers = new Set<() => void>()
  readonly #progress = new Map<number, LiveReport>()
  #phase?: LiveReport
  #result?: ExecutionResult

  constructor (execution: string, output: ReadableOutput, live: () => boolean, isItem: () => boolean = () => false, isFollowed = false) {
    this.execution = execution
    this.output = output
    this.live = live
    this.isItem = isItem
    this.isFollowed = isFollowed
  }

  /** Absent while it runs. */
  get result (): ExecutionResult | undefined {
    return this.#result
  }

  /** Where it stands: the last word on its phase and on each command. */
  get reports (): LiveReport[] {
    return [...(this.#phase == null ? [] : [this.#phase]), ...this.#progress.values()]
  }

  note (report: LiveReport): void {
    if (report.kind === 'phase') {
      this.#phase = report
    } else {
      this.#progress.set(report.command, report)
    }

    this.grown()
  }

  finish (result: ExecutionResult): void {
    this.#result = result
    this.#phase = undefined
    this.#progress.clear()
    this.grown()
  }

  /** There is more to read. */
  grown (): void {
    this.#readers.forEach(wake => { wake() })
  }

  /** `wake` is called on every change, until the returned function is. */
  follow (wake: () => void): () => void {
    this.#readers.add(wake)

    return () => { this.#readers.delete(wake) }
  }
}
