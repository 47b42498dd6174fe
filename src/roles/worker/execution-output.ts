import { Output, OUTPUT_STREAMS } from '../output.ts'
import type { SmallOutput } from './outbox.ts'
import type { OutputStream } from '../../node/protocol/task/messages.ts'
import type { Spools } from '../../store/spool.ts'

/** Both streams together: what is kept in memory and in the journal beside the record. What prints more has files. */
export const SMALL_OUTPUT_BYTES = 16 * 1024

/** What takes longer has files all the same: should the worker die, what was printed is there. */
const SHORT_MS = 1_000

/**
 * What one execution prints here, readable while it grows. A file costs more
 * than running a short program does, so there is none as long as it is little.
 */
export class ExecutionOutput {
  /** Called after each append. */
  onGrown: () => void = () => {}
  readonly #spools: Spools
  readonly #execution: string
  #small: Record<OutputStream, Uint8Array> = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) }
  #spooled?: Output
  readonly #beganMs = performance.now()

  /** Of an execution that begins. */
  constructor (spools: Spools, execution: string) {
    this.#spools = spools
    this.#execution = execution
  }

  /** What an earlier life of this worker has kept of it. */
  static async restore (spools: Spools, execution: string, small: SmallOutput | undefined): Promise<ExecutionOutput> {
    const output = new ExecutionOutput(spools, execution)

    if (small == null) {
      output.#spooled = await Output.open(spools, execution)
    } else {
      output.#small = { ...small }
    }

    return output
  }

  /** What goes into the journal; undefined when nothing was printed, or it is in files. */
  get small (): SmallOutput | undefined {
    return this.#spooled == null && this.bytes > 0 ? this.#small : undefined
  }

  get inFiles (): boolean {
    return this.#spooled != null
  }

  /** Of both streams. */
  get bytes (): number {
    return OUTPUT_STREAMS.reduce((sum, stream) => sum + this.size(stream), 0)
  }

  size (stream: OutputStream): number {
    return this.#spooled?.size(stream) ?? this.#small[stream].byteLength
  }

  /** One at a time. */
  async append (stream: OutputStream, data: Uint8Array): Promise<void> {
    if (this.#spooled == null && (this.bytes + data.byteLength > SMALL_OUTPUT_BYTES || performance.now() - this.#beganMs > SHORT_MS)) {
      const spooled = await Output.open(this.#spools, this.#execution)

      for (const stream of OUTPUT_STREAMS) {
        await spooled.append(stream, this.#small[stream])
      }

      this.#spooled = spooled
    }

    if (this.#spooled == null) {
      this.#small[stream] = Buffer.concat([this.#small[stream], data])
    } else {
      await this.#spooled.append(stream, data)
    }

    this.onGrown()
  }

  async read (stream: OutputStream, from: number, maxBytes: number): Promise<Uint8Array> {
    return this.#spooled?.read(stream, from, maxBytes) ?? this.#small[stream].subarray(from, from + maxBytes)
  }

  /** What is in files survives a power cut; the rest does with its record. */
  async sync (): Promise<void> {
    await this.#spooled?.sync()
  }

  async close (): Promise<void> {
    await this.#spooled?.close()
  }

  async remove (): Promise<void> {
    await this.#spooled?.remove()
  }
}
