import type { Answer } from './answer.ts'

/** One call that somebody waits for. Settles once; what comes later is passed over. */
export class Call {
  readonly promise: Promise<unknown>
  readonly #resolve: (value: unknown) => void
  readonly #reject: (reason: unknown) => void
  #settled = false

  /**
   * @param encoded - its list of arguments
   * @param calledFrom - frames of a stack, each on a line that begins with a newline
   */
  constructor (readonly encoded: string, readonly calledFrom: string) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()

    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get settled (): boolean {
    return this.#settled
  }

  settle (answer: Answer): void {
    this.#settled = true

    if (answer.ok) {
      this.#resolve(answer.value)
    } else {
      this.#reject(answer.reason)
    }
  }
}
