/**
 * Calls `work` at once, and what is asked for within the next `ms` once at
 * their end. `stop` drops what is still to come.
 */
export class Coalesced {
  readonly #work: () => void
  readonly #ms: number
  #timer?: NodeJS.Timeout
  #again = false

  constructor (work: () => void, ms: number) {
    this.#work = work
    this.#ms = ms
  }

  call (): void {
    if (this.#timer != null) {
      this.#again = true
      return
    }

    this.#work()
    this.#timer = setTimeout(() => {
      this.#timer = undefined

      if (this.#again) {
        this.#again = false
        this.call()
      }
    }, this.#ms)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#again = false
  }
}
