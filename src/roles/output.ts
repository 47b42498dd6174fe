import { parseExecutionId } from '../model/ids.ts'
import type { OutputStream } from '../node/protocol/task/messages.ts'
import type { Spool, Spools } from '../store/spool.ts'

export const OUTPUT_STREAMS: readonly OutputStream[] = ['stdout', 'stderr']

/** What one execution has printed: both streams, on disk, readable while they grow. */
export class Output {
  /** Called after each append. */
  onGrown: () => void = () => {}

  private constructor (private readonly spools: Record<OutputStream, Spool>) {}

  static async open (spools: Spools, execution: string): Promise<Output> {
    const key = parseExecutionId(execution)

    return new Output({ stdout: await spools.get(key, 'stdout'), stderr: await spools.get(key, 'stderr') })
  }

  size (stream: OutputStream): number {
    return this.spools[stream].size
  }

  async append (stream: OutputStream, data: Uint8Array): Promise<void> {
    await this.spools[stream].append(data)
    this.onGrown()
  }

  /** For deliveries that may be repeated: what is here already is passed over, a gap is refused. */
  async appendAt (stream: OutputStream, offset: number, data: Uint8Array): Promise<void> {
    await this.spools[stream].appendAt(offset, data)
    this.onGrown()
  }

  async read (stream: OutputStream, from: number, maxBytes: number): Promise<Uint8Array> {
    return this.spools[stream].read(from, maxBytes)
  }

  async sync (): Promise<void> {
    for (const stream of OUTPUT_STREAMS) {
      if (this.size(stream) > 0) {
        await this.spools[stream].sync()
      }
    }
  }

  async close (): Promise<void> {
    await Promise.all(OUTPUT_STREAMS.map(async stream => this.spools[stream].close()))
  }

  async remove (): Promise<void> {
    await Promise.all(OUTPUT_STREAMS.map(async stream => this.spools[stream].remove()))
  }
}
