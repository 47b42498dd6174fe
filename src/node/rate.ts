export interface Rate { perSecond: number, burst: number }

/**
 * Generic cell rate algorithm (ITU-T I.371): a token bucket that needs one
 * number, the theoretical arrival time of the next request.
 */
export function takeToken (tat: number, nowMs: number, { perSecond, burst }: Rate): { allowed: boolean, tat: number, waitMs: number } {
  const interval = 1_000 / perSecond
  const start = Math.max(tat, nowMs)
  const waitMs = start - nowMs - interval * (burst - 1)

  // a nanosecond of tolerance: the sum of many intervals is not exact
  return waitMs > 1e-6
    ? { allowed: false, tat, waitMs }
    : { allowed: true, tat: start + interval, waitMs: 0 }
}

/** One bucket per key. Full buckets are forgotten, so that the memory is bounded by who was active lately. */
export class RateLimiter {
  readonly #tats = new Map<string, number>()
  #sweepAt = 1_024

  /** Milliseconds to wait; 0 = go ahead. `nowMs` must not go backwards. */
  take (key: string, rate: Rate, nowMs: number): number {
    const { tat, waitMs } = takeToken(this.#tats.get(key) ?? 0, nowMs, rate)

    this.#tats.set(key, tat)
    this.#sweep(nowMs)

    return waitMs
  }

  get size (): number {
    return this.#tats.size
  }

  #sweep (nowMs: number): void {
    if (this.#tats.size < this.#sweepAt) {
      return
    }

    for (const [key, tat] of this.#tats) {
      if (tat <= nowMs) {
        this.#tats.delete(key)
      }
    }

    this.#sweepAt = Math.max(1_024, this.#tats.size * 2)
  }
}
