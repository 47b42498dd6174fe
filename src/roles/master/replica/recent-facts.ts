/** Of the facts that are kept; what is larger is read again. */
const MAX_BYTES = 4 * 1024
/** A fleet may end its tasks at one moment. */
const MAX_FACTS = 2_048

/** Facts that are on the disk since a moment ago, and are wanted again at once as a rule: results, by who waits for them. */
export class RecentFacts {
  /** In the order in which they came. */
  readonly #values = new Map<string, Uint8Array>()

  get (key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  note (key: string, value: Uint8Array): void {
    if (!isResult(key) || value.byteLength > MAX_BYTES) {
      return
    }

    this.#values.set(key, value)

    const [oldest] = this.#values.keys()

    if (this.#values.size > MAX_FACTS && oldest != null) {
      this.#values.delete(oldest)
    }
  }

  forget (key: string): void {
    this.#values.delete(key)
  }
}

export function isResult (key: string): boolean {
  return key.startsWith('result/')
}
