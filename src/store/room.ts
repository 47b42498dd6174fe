/** So long what was read is believed. */
const KEPT_MS = 250

/** With less on the disk it is read each time: in that time everybody together may write about as much. */
const PLENTY_BYTES = 1024 * 1024 * 1024

/**
 * Is there room on a disk? To ask the file system before each of many small
 * writes costs more than some of them, so where there is plenty its answer
 * holds for a moment.
 */
export class Room {
  readonly #freeBytes: () => Promise<number>
  #known = 0
  #readMs = -Infinity

  constructor (freeBytes: () => Promise<number>) {
    this.#freeBytes = freeBytes
  }

  /** Counts on these bytes to be written, when there is room for them. */
  async has (bytes: number): Promise<boolean> {
    if (this.#known - bytes < PLENTY_BYTES || performance.now() - this.#readMs >= KEPT_MS) {
      this.#readMs = performance.now()
      this.#known = await this.#freeBytes()
    }

    const has = this.#known >= bytes

    this.#known -= has ? bytes : 0

    return has
  }
}
