import { randomInt } from 'node:crypto'

/** Slots that are in use, at most, so that looking does not take long. */
const MAX_LOAD = 0.6
const FIRST_SIZE = 1024

/** What a slot holds that was emptied, and one that never held anything. */
const EMPTIED = 0xffff_ffff
const NEVER = 0

/**
 * From a text to numbers (a place: log and number in it), where there may be
 * millions of texts: kept of each is a hash of 64 bits, so a place takes some 40
 * bytes. The hash is seeded anew by every process, so nobody can choose texts
 * that fall together; that any two of a million do is as likely as 1 in 30
 * million.
 */
export class PositionTable {
  readonly #seeds = [randomInt(2 ** 32), randomInt(2 ** 32)] as const
  #high = new Uint32Array(FIRST_SIZE)
  #low = new Uint32Array(FIRST_SIZE)
  /** Number of the log plus one. */
  #logs = new Uint32Array(FIRST_SIZE)
  #seqs = new Float64Array(FIRST_SIZE)
  /** Rises with every place that is added: the order in which they came. */
  #order = new Uint32Array(FIRST_SIZE)
  #used = 0
  #added = 0

  add (key: string, log: number, seq: number): void {
    if (this.#used + 1 > this.#high.length * MAX_LOAD) {
      this.#grow()
    }

    this.#put(...this.#hash(key), log + 1, seq, ++this.#added)
  }

  has (key: string): boolean {
    return this.#slotsOf(key, 1).length > 0
  }

  /** In the order in which they were added. */
  get (key: string): Array<{ log: number, seq: number }> {
    return this.#slotsOf(key)
      .sort((a, b) => this.#order[a]! - this.#order[b]!)
      .map(slot => ({ log: this.#logs[slot]! - 1, seq: this.#seqs[slot]! }))
  }

  /** All places of a text. */
  delete (key: string): void {
    for (const slot of this.#slotsOf(key)) {
      this.#logs[slot] = EMPTIED
    }
  }

  #slotsOf (key: string, most = Infinity): number[] {
    const [high, low] = this.#hash(key)
    const mask = this.#high.length - 1
    const found: number[] = []

    for (let slot = low & mask; this.#logs[slot] !== NEVER && found.length < most; slot = (slot + 1) & mask) {
      if (this.#low[slot] === low && this.#high[slot] === high && this.#logs[slot] !== EMPTIED) {
        found.push(slot)
      }
    }

    return found
  }

  #put (high: number, low: number, log: number, seq: number, order: number): void {
    const mask = this.#high.length - 1
    let slot = low & mask

    while (this.#logs[slot] !== NEVER) {
      slot = (slot + 1) & mask
    }

    this.#high[slot] = high
    this.#low[slot] = low
    this.#logs[slot] = log
    this.#seqs[slot] = seq
    this.#order[slot] = order
    this.#used++
  }

  /** Emptied slots are given up on the way. */
  #grow (): void {
    const [high, low, logs, seqs, order] = [this.#high, this.#low, this.#logs, this.#seqs, this.#order]
    const kept = logs.reduce((sum, log) => log === NEVER || log === EMPTIED ? sum : sum + 1, 0)
    let size = FIRST_SIZE

    while ((kept + 1) * 2 > size * MAX_LOAD) {
      size *= 2
    }

    this.#high = new Uint32Array(size)
    this.#low = new Uint32Array(size)
    this.#logs = new Uint32Array(size)
    this.#seqs = new Float64Array(size)
    this.#order = new Uint32Array(size)
    this.#used = 0

    for (let slot = 0; slot < logs.length; slot++) {
      if (logs[slot] !== NEVER && logs[slot] !== EMPTIED) {
        this.#put(high[slot]!, low[slot]!, logs[slot]!, seqs[slot]!, order[slot]!)
      }
    }
  }

  /** Two 32-bit halves, as cyrb53 mixes them: https://github.com/bryc/code/blob/master/jshash/experimental/cyrb53.js */
  #hash (key: string): [high: number, low: number] {
    let [a, b] = [0xdeadbeef ^ this.#seeds[0], 0x41c6ce57 ^ this.#seeds[1]]

    for (let at = 0; at < key.length; at++) {
      const code = key.charCodeAt(at)

      a = Math.imul(a ^ code, 2654435761)
      b = Math.imul(b ^ code, 1597334677)
    }

    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)

    return [a >>> 0, b >>> 0]
  }
}
