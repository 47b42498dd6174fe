import { setTimeout as delay } from 'node:timers/promises'
import { MeshmarkError } from '../../model/errors.ts'
import { onAbort, withDeadline } from '../../node/wait.ts'
import type { MeshNode, Peer } from '../../node/mesh-node.ts'

/** How often a master that has said nothing is asked whether it is there, and how long it may take to answer. */
const ASK_MS = 300
const ANSWER_MS = 700

/**
 * Notices within about a second that a master has stopped answering although
 * its connection stands: it is frozen, or the network swallows everything. For
 * clients that have another one to turn to.
 */
export class Watch {
  readonly #stop = new AbortController()
  readonly #forget: () => void
  #heardMs = performance.now()

  /** `signal` is whoever waits for the master. */
  constructor (node: MeshNode, master: Peer, signal: AbortSignal | undefined) {
    this.#forget = onAbort(signal, reason => { this.#stop.abort(reason) })
    void this.#run(node, master)
  }

  /** Fires when the master is silent, or with the signal of whoever waits. */
  get signal (): AbortSignal {
    return this.#stop.signal
  }

  /** The master has said something. */
  heard (): void {
    this.#heardMs = performance.now()
  }

  end (): void {
    this.#forget()
    this.#stop.abort(new Error('nobody waits for it'))
  }

  async #run (node: MeshNode, master: Peer): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await delay(ASK_MS, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {})

      const askedMs = performance.now()

      if (this.#stop.signal.aborted || askedMs - this.#heardMs < ASK_MS) {
        continue
      }

      try {
        await withDeadline(ANSWER_MS, [this.#stop.signal], async signal => node.ping(master.id, { signal }))
      } catch (err) {
        // a closed connection speaks for itself; what came meanwhile is an answer as well
        if (performance.now() - askedMs >= ANSWER_MS && this.#heardMs < askedMs) {
          this.#stop.abort(new MeshmarkError('unreachable', `${master.name} has stopped answering`, { cause: err }))
        }
      }
    }
  }
}
