import { toError } from '../../model/errors.ts'
import { Box } from '../../sandbox/index.ts'
import type { BoxOptions } from '../../sandbox/index.ts'

/**
 * One box is kept ready while the slot is idle, so that a task does not wait
 * for one to be built. A box serves one task and is thrown away.
 */
export class Boxes {
  readonly #options: BoxOptions
  #warm?: Promise<Box>
  #stopped = false

  constructor (options: BoxOptions) {
    this.#options = options
  }

  /** Logical processors on which everything in them runs; undefined = wherever this process may. */
  get boundTo (): number[] | undefined {
    return this.#options.affinity == null ? undefined : [...this.#options.affinity.processors]
  }

  /** Builds one ahead, if none is there. */
  warm (): void {
    if (this.#stopped || this.#warm != null) {
      return
    }

    const warm = this.#warm = Box.create(this.#options)

    warm.then(async box => {
      await box.closed

      // it died unused: the next take builds another
      if (this.#warm === warm) {
        this.#warm = undefined
      }
    }, err => {
      this.#options.log?.(`no box could be built: ${toError(err).message}`)

      if (this.#warm === warm) {
        this.#warm = undefined
      }
    })
  }

  async take (): Promise<Box> {
    const warm = this.#warm
    this.#warm = undefined

    // It may have died unused, or never come to be.
    const box = await warm?.catch(() => undefined)

    return box?.usable === true ? box : Box.create(this.#options)
  }

  async stop (): Promise<void> {
    this.#stopped = true
    const warm = this.#warm
    this.#warm = undefined

    await warm?.then(async box => box.close(), () => {})
  }
}
