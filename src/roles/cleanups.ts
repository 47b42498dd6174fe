import { toError } from '../model/errors.ts'

/** What must be undone, in reverse order, whether starting succeeded or broke off half way. */
export class Cleanups {
  readonly #steps: Array<() => Promise<void> | void> = []

  add (step: () => Promise<void> | void): void {
    this.#steps.push(step)
  }

  /** Every step, also after one that failed; then throws the first failure. Idempotent. */
  async run (): Promise<void> {
    let failure: Error | undefined

    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (err) {
        failure ??= toError(err)
      }
    }

    if (failure != null) {
      throw failure
    }
  }
}
