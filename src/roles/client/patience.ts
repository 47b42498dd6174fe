import { setTimeout as delay } from 'node:timers/promises'

/** Whoever waits this long is told so. */
const NOTICE_MS = 1_000
/** Between two looks for a master, growing from the first; begins anew when nothing has failed for a while. */
const PAUSE_MS = { first: 100, most: 1_000, calm: 3_000 }

/** How long a client has been without a master, and whether it looks on. */
export class Patience {
  readonly #limitMs: number
  readonly #onWaiting: () => void
  #sinceMs?: number
  #notice?: NodeJS.Timeout
  #pauseMs = 0
  #failedAtMs = -Infinity

  /** `onWaiting` is called once in a time without a master, when it has lasted for a second. */
  constructor (limitMs: number, onWaiting: () => void) {
    this.#limitMs = limitMs
    this.#onWaiting = onWaiting
  }

  /** Something failed: the time runs from the first failure on. False when it is over. */
  wears (): boolean {
    const nowMs = performance.now()

    this.#sinceMs ??= nowMs
    this.#notice ??= setTimeout(this.#onWaiting, NOTICE_MS)
    this.#pauseMs = nowMs - this.#failedAtMs > PAUSE_MS.calm ? 0 : this.#pauseMs
    this.#failedAtMs = nowMs

    return nowMs - this.#sinceMs < this.#limitMs
  }

  /** Nothing before the first look, then longer each time. */
  async pause (signal: AbortSignal | undefined): Promise<void> {
    if (this.#pauseMs > 0) {
      await delay(this.#pauseMs, undefined, { signal }).catch(() => {})
    }

    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 1.5, PAUSE_MS.first), PAUSE_MS.most)
  }

  /** A master answers again, or nobody waits any longer. */
  restore (): void {
    clearTimeout(this.#notice)
    this.#notice = undefined
    this.#sinceMs = undefined
  }
}
