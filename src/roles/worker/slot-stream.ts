import type { Peer } from '../../node/mesh-node.ts'
import type { Channel } from '../../node/protocol/protocol.ts'
import type { SlotAnswer, SlotReply, SlotRequest } from '../../node/protocol/slot/messages.ts'

/** Sealed bytes of jobs that one coordinator need not say again. */
const MAX_JOB_BYTES = 64 * 1024 * 1024

/** One coordinator's stream: what was said on it, and what is owed on it. */
export class SlotStream {
  readonly peer: Peer
  /** Executions whose reservation ends with it. */
  readonly reserved = new Set<string>()
  readonly #channel: Channel<SlotRequest, SlotReply>
  readonly #jobs = new Map<string, Uint8Array>()
  #sending: Promise<void> = Promise.resolve()

  constructor (channel: Channel<SlotRequest, SlotReply>, peer: Peer) {
    this.#channel = channel
    this.peer = peer
  }

  async receive (): Promise<SlotRequest | undefined> {
    return this.#channel.receive()
  }

  /** What cannot be sent is of no use any more: the coordinator asks again on another stream. */
  answer (id: number, answer: SlotAnswer): void {
    this.#sending = this.#sending.then(async () => this.#channel.send({ id, ...answer })).catch(() => {})
  }

  /** The job as it was sealed, said now or before on this stream. */
  jobOf (id: string, said: Uint8Array | undefined): Uint8Array | undefined {
    const job = said ?? this.#jobs.get(id)

    if (job != null) {
      // the last one used is the last one
      this.#jobs.delete(id)
      this.#jobs.set(id, job)
      this.#shrink()
    }

    return job
  }

  #shrink (): void {
    let bytes = [...this.#jobs.values()].reduce((sum, job) => sum + job.byteLength, 0)

    for (const [id, job] of this.#jobs) {
      if (bytes <= MAX_JOB_BYTES || this.#jobs.size === 1) {
        return
      }

      this.#jobs.delete(id)
      bytes -= job.byteLength
    }
  }
}
