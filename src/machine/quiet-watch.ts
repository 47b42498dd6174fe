import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { otherLoad, parseBusy, wasQuiet } from './quiet.ts'
import type { LoadReading } from './quiet.ts'

/** How long one look at the machine takes. */
const WINDOW_MS = 100

/** How long one that is asked for its load is looked at. */
const LOAD_MS = 500

/** How often an idle process looks, so that it need not look first when it is asked. */
const NOTE_MS = 1_000

/**
 * Tells when the machine is quiet. While nothing is measured, `start` keeps a
 * reading that is fresh enough for a quiet machine to be recognised at once.
 */
export class QuietWatch {
  readonly #processors: readonly number[] | undefined
  #last?: LoadReading
  #timer?: NodeJS.Timeout

  /** @param processors - those that count; absent = all */
  constructor (processors?: readonly number[]) {
    this.#processors = processors
  }

  /** @param isIdle - false = do not disturb */
  start (isIdle: () => boolean): void {
    this.#timer = setInterval(() => {
      if (isIdle()) {
        void this.#look()
      }
    }, NOTE_MS)
    this.#timer.unref()
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /**
   * Resolves as soon as others have left the cores alone for a moment, after
   * `maxMs` at the latest, with the milliseconds that it took: 0 when the
   * machine has just been seen quiet, or cannot be seen. Rejects with the
   * signal's reason.
   */
  async wait (maxMs: number, signal?: AbortSignal): Promise<number> {
    const beganMs = performance.now()
    const before = this.#last
    let now = await this.#look()

    if (maxMs <= 0 || now == null || (before != null && wasQuiet(before, now) === true)) {
      return 0
    }

    for (let leftMs = maxMs; leftMs > 0; leftMs = maxMs - (performance.now() - beganMs)) {
      await delay(Math.min(WINDOW_MS, leftMs), undefined, { signal }).catch(() => { signal?.throwIfAborted() })

      const next = await this.#look()

      if (next == null || wasQuiet(now, next) === true) {
        break
      }

      now = next
    }

    return Math.max(1, Math.round(performance.now() - beganMs))
  }

  /** The share of the cores that others use now, 0 to 1; takes half a second. Undefined where the kernel does not tell. */
  async otherLoad (): Promise<number | undefined> {
    const from = await this.#look()
    await delay(LOAD_MS)
    const to = await this.#look()

    return from == null || to == null ? undefined : otherLoad(from, to)
  }

  async #look (): Promise<LoadReading | undefined> {
    const stat = await readFile('/proc/stat', 'utf8').catch(() => '')
    const { user, system } = process.cpuUsage()
    const busy = parseBusy(stat, this.#processors)

    this.#last = busy == null ? undefined : { ...busy, atMs: performance.now(), ownMs: (user + system) / 1_000 }

    return this.#last
  }
}
