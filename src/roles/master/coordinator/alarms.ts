import { Heap } from './heap.ts'

/** Left behind by what was set anew or taken out; more than this and they are cleared away. */
const STALE = 32

interface Alarm<T> {
  item: T
  atMs: number
}

/** What is to happen at a time of its own, by the wall clock in milliseconds. */
export class Alarms<T> {
  readonly #times = new Map<T, number>()
  readonly #heap = new Heap<Alarm<T>>((a, b) => a.atMs - b.atMs)

  get size (): number {
    return this.#times.size
  }

  /** Those that are set, in no order. */
  get items (): IterableIterator<T> {
    return this.#times.keys()
  }

  /** When the first of them is; Infinity = there is none. */
  get nextMs (): number {
    while (this.#heap.first != null && !this.#isValid(this.#heap.first)) {
      this.#heap.removeFirst()
    }

    return this.#heap.first?.atMs ?? Infinity
  }

  set (item: T, atMs: number): void {
    if (this.#times.get(item) !== atMs) {
      this.#times.set(item, atMs)
      this.#heap.push({ item, atMs })
      this.#tidy()
    }
  }

  delete (item: T): void {
    if (this.#times.delete(item)) {
      this.#tidy()
    }
  }

  /** Those whose time has come, earliest first; they are not set any more. */
  take (nowMs: number): T[] {
    const due: T[] = []

    while (this.nextMs <= nowMs) {
      const { item } = this.#heap.first!

      this.#heap.removeFirst()
      this.#times.delete(item)
      due.push(item)
    }

    return due
  }

  #tidy (): void {
    if (this.#heap.size > 2 * this.#times.size + STALE) {
      this.#heap.keep(alarm => this.#isValid(alarm))
    }
  }

  #isValid ({ item, atMs }: Alarm<T>): boolean {
    return this.#times.get(item) === atMs
  }
}
