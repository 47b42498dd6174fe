/** A value that others look at. They are told at most once a frame, however often it changes. */
export class Store<T> {
  #value: T
  readonly #listeners = new Set<() => void>()
  #isTelling = false
  readonly #later: (tell: () => void) => void

  constructor (value: T, later: (tell: () => void) => void = nextFrame) {
    this.#value = value
    this.#later = later
  }

  get value (): T {
    return this.#value
  }

  set (value: T): void {
    if (Object.is(value, this.#value)) {
      return
    }

    this.#value = value

    if (!this.#isTelling) {
      this.#isTelling = true
      this.#later(() => {
        this.#isTelling = false
        this.#listeners.forEach(listener => { listener() })
      })
    }
  }

  update (change: (value: T) => T): void {
    this.set(change(this.#value))
  }

  /** Returns what ends it. */
  subscribe (listener: () => void): () => void {
    this.#listeners.add(listener)

    return () => { this.#listeners.delete(listener) }
  }
}

/** A page in the background has no frames, but must not fall behind without end. */
function nextFrame (tell: () => void): void {
  if (document.hidden) {
    setTimeout(tell, 1_000)
  } else {
    requestAnimationFrame(tell)
  }
}
