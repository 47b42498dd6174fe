/** Calls back when it was not started again or stopped in time. */
export class Watchdog {
  readonly #bite: () => void
  #timer: NodeJS.Timeout | undefined

  constructor (bite: () => void) {
    this.#bite = bite
  }

  start (ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#bite, Math.min(ms, MAX_MS))
  }

  stop (): void {
    clearTimeout(this.#timer)
  }
}

/** Longer time-outs overflow and fire at once. */
const MAX_MS = 0x7fff_ffff
