/** After a conflict, how long neither side is let in again: long enough for both to have heard why. */
export const HOLD_MS = 10_000

/**
 * Remembers identities that two live nodes used at once. Both are refused, and
 * stay refused for a while; otherwise the two would take turns.
 */
export class Twins {
  readonly #heldUntil = new Map<string, number>()

  /** Two boot nonces of this peer were alive at once. */
  conflict (peerId: string, nowMs: number): void {
    for (const [id, until] of this.#heldUntil) {
      if (until <= nowMs) {
        this.#heldUntil.delete(id)
      }
    }

    this.#heldUntil.set(peerId, nowMs + HOLD_MS)
  }

  isHeld (peerId: string, nowMs: number): boolean {
    return (this.#heldUntil.get(peerId) ?? 0) > nowMs
  }
}
