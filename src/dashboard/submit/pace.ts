/** How fast something moved lately, and how long the rest takes. Pure. */
export class Pace {
  /** [ms, bytes], the oldest first. */
  #points: Array<readonly [number, number]> = []

  /** Fewer bytes than before: it goes on from there. */
  add (nowMs: number, bytes: number): void {
    const last = this.#points.at(-1)

    if (last != null && bytes < last[1]) {
      this.#points = []
    }

    // one point before the window stays, so that a slow one has a rate too
    while (this.#points.length > 2 && this.#points[1]![0] < nowMs - WINDOW_MS) {
      this.#points.shift()
    }

    this.#points.push([nowMs, bytes])
  }

  /** Bytes in a second; undefined until enough is known. */
  rate (): number | undefined {
    const [first, last] = [this.#points[0], this.#points.at(-1)]
    const ms = first == null || last == null ? 0 : last[0] - first[0]

    return ms < MIN_MS ? undefined : (last![1] - first![1]) / ms * 1_000
  }

  /** Milliseconds; undefined while nothing moves. */
  leftMs (total: number): number | undefined {
    const rate = this.rate()

    return rate == null || rate <= 0 ? undefined : Math.max(0, total - this.#points.at(-1)![1]) / rate * 1_000
  }
}

const WINDOW_MS = 5_000
const MIN_MS = 500

const LEAST_PATIENCE_MS = 2_000
const MOST_PATIENCE_MS = 60_000

/**
 * How long a master that does not answer is waited for before everything is
 * sent to another one: as long as it took to send what it has, for that is
 * what the other one costs; then whoever is started again is gone on with, and
 * no more than twice the time is lost with one who is not.
 *
 * @param spentMs - sending what it has
 */
export function patienceMs (spentMs: number): number {
  return Math.min(MOST_PATIENCE_MS, Math.max(LEAST_PATIENCE_MS, spentMs))
}
