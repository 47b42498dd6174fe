import type { ProfileChange } from '../model/profile.ts'

type StateChange = Extract<ProfileChange, { kind: 'state' }>

/**
 * The latest of many changes, that come in their order. What is pushed out
 * leaves behind the state that each worker was in: it holds at the first
 * change that is kept. Never more in memory than twice the limit.
 */
export class LatestChanges {
  readonly #limit: number
  readonly #before = new Map<string, StateChange>()
  #kept: ProfileChange[] = []
  #isTruncated = false

  /** @param limit - changes that are kept, at least one */
  constructor (limit: number) {
    this.#limit = limit
  }

  add (changes: readonly ProfileChange[]): void {
    for (const change of changes) {
      this.#kept.push(change)

      if (this.#kept.length >= 2 * this.#limit) {
        this.#prune()
      }
    }
  }

  /** Of what there is, with the states at its beginning; `truncated` when more had come. */
  take (): { changes: ProfileChange[], truncated: boolean } {
    this.#prune()

    const atMs = this.#kept[0]?.atMs ?? 0
    const states = [...this.#before.values()].filter(({ state }) => state !== 'lost').map(change => ({ ...change, atMs }))

    return { changes: [...states, ...this.#kept], truncated: this.#isTruncated }
  }

  #prune (): void {
    const surplus = this.#kept.length - this.#limit

    if (surplus <= 0) {
      return
    }

    this.#isTruncated = true

    for (const change of this.#kept.slice(0, surplus)) {
      if (change.kind === 'state') {
        this.#before.set(change.worker, change)
      }
    }

    this.#kept = this.#kept.slice(surplus)
  }
}
