/** A binary heap: what comes first by `compare` is at its top. */
export class Heap<T> {
  #items: T[] = []
  readonly #compare: (a: T, b: T) => number

  constructor (compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size (): number {
    return this.#items.length
  }

  get first (): T | undefined {
    return this.#items[0]
  }

  push (item: T): void {
    const items = this.#items
    let at = items.push(item) - 1

    for (let parent = (at - 1) >> 1; at > 0 && this.#compare(items[at]!, items[parent]!) < 0; parent = (at - 1) >> 1) {
      [items[at], items[parent]] = [items[parent]!, items[at]!]
      at = parent
    }
  }

  removeFirst (): void {
    const items = this.#items
    const last = items.pop()!

    if (items.length === 0) {
      return
    }

    items[0] = last

    for (let at = 0; ;) {
      let least = at

      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < items.length && this.#compare(items[child]!, items[least]!) < 0) {
          least = child
        }
      }

      if (least === at) {
        return
      }

      [items[at], items[least]] = [items[least]!, items[at]!]
      at = least
    }
  }

  /** Leaves out the others. */
  keep (isKept: (item: T) => boolean): void {
    // sorted is a heap as well
    this.#items = this.#items.filter(isKept).sort(this.#compare)
  }
}
