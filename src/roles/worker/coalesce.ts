/**
 * Calls `work` at once, and what is asked for within the next `ms` once at
 * their end; or only then. `stop` drops what is still to come.
 */
export class Coalesced {
  readonly #work: () => void
  readonly #ms: number
  readonly #atOnce: boolean
  #timer?: NodeJS.Timeout
  #again = false

  constructor (work: () => void, ms: number, { atOnce = true } = {}) {
    this.#work = work
    this.#ms = ms
    this.#atOnce = atOnce
  }

  call (): void {
    if (this.#timer != null) {
      this.#again = true
      return
    }

    if (this.#atOnce) {
      this.#work()
    }

    this.#again = !this.#atOnce
    this.#timer = setTimeout(() => { this.#onTime() }, this.#ms)
  }

  #onTime (): void {
    this.#timer = undefined

    if (!this.#again) {
      return
    }

    this.#again = false

    if (this.#atOnce) {
      this.call()
    } else {
      this.#work()
    }
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#again = false
  }
}
