import type { Channel } from './protocol/protocol.ts'

/**
 * Says on a channel what is the case, not what was: while the other side does
 * not read, a newer word on a subject takes the place of the older one that
 * waits. What it holds for a peer that never reads is bounded by the subjects.
 */
export class LatestSender<T> {
  readonly #channel: Pick<Channel<never, T>, 'send'>
  readonly #waiting = new Map<string, T>()
  #sending = false

  constructor (channel: Pick<Channel<never, T>, 'send'>) {
    this.#channel = channel
  }

  /** Whoever reads the channel learns of its end; here it only ends the saying. */
  say (subject: string, message: T): void {
    this.#waiting.set(subject, message)

    if (!this.#sending) {
      this.#sending = true
      this.#send().catch(() => {})
    }
  }

  async #send (): Promise<void> {
    try {
      // a word that is added meanwhile is met as well
      for (const [subject, message] of this.#waiting) {
        this.#waiting.delete(subject)
        await this.#channel.send(message)
      }
    } finally {
      this.#sending = false
    }
  }
}
