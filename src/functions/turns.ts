/** So many at once; who comes when all are taken waits in line. */
export class Turns {
  #free: number
  readonly #line: Array<() => void> = []

  constructor (count: number) {
    this.#free = count
  }

  async take (): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }

    await new Promise<void>(resolve => { this.#line.push(resolve) })
  }

  give (): void {
    const next = this.#line.shift()

    if (next == null) {
      this.#free++
    } else {
      next()
    }
  }
}
