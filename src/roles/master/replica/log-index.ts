import { PositionTable } from './position-table.ts'

/** A place in the log of one incarnation of one master: `<peerId>.<ULID>` and a number from 1 on. */
export interface Position {
  origin: string
  /** 0 = before everything. */
  seq: number
}

/** How far each origin's log is known, without gaps. */
export type Vector = ReadonlyMap<string, number>

/** That the fact `key` changed. An empty key: what was said up to here is not needed any more. */
export interface LogEntry extends Position {
  key: string
}

export function covers (vector: Vector, { origin, seq }: Position): boolean {
  return (vector.get(origin) ?? 0) >= seq
}

/** An entry whose key is on the disk. */
export interface MissingEntry extends Position {
  /** False: what was said up to here is not needed any more. */
  named: boolean
}

interface Log {
  /** Of this log in the table of places. */
  number: number
  /** Ascending; numbers that are missing below `last` were dropped. */
  seqs: number[]
  last: number
}

/**
 * Which facts changed, in the order in which each origin said so. In memory are
 * places alone, some 50 bytes each; which fact an entry names, and what that
 * fact is now, is on the disk, so an entry is sent with the value of today and
 * one whose fact has gone without any.
 */
export class LogIndex {
  readonly origin: string
  readonly #logs = new Map<string, Log>()
  /** By the number of the log. */
  readonly #origins: string[] = []
  /** Entries that name a fact. */
  readonly #positions = new PositionTable()

  /** `origin` is that of this master's own log. */
  constructor (origin: string) {
    this.origin = origin
  }

  /** The last number of an origin; 0 when nothing is known of it. */
  last (origin: string): number {
    return this.#logs.get(origin)?.last ?? 0
  }

  /** A fact changed here. */
  append (key: string): Position {
    const position = { origin: this.origin, seq: this.last(this.origin) + 1 }

    this.note(position.origin, position.seq, key)

    return position
  }

  /**
   * Another has said that `key` changed. False when it was known already. An
   * empty key covers all numbers up to its own; any other that is not the next
   * one throws: something between was lost.
   */
  note (origin: string, seq: number, key: string): boolean {
    const last = this.last(origin)

    if (seq <= last) {
      return false
    }

    if (key !== '' && seq !== last + 1) {
      throw new Error(`entry ${seq} of ${origin} came after entry ${last}`)
    }

    this.restore(origin, seq, key)

    return true
  }

  /** As `note`, from one's own records: numbers that are not there were dropped. */
  restore (origin: string, seq: number, key: string): void {
    const log = this.#logs.get(origin) ?? { number: this.#origins.push(origin) - 1, seqs: [], last: 0 }

    this.#logs.set(origin, log)
    log.last = seq

    if (key !== '') {
      log.seqs.push(seq)
      this.#positions.add(key, log.number, seq)
    }
  }

  vector (): Map<string, number> {
    return new Map([...this.#logs].map(([origin, { last }]) => [origin, last]))
  }

  /** Does an entry name this fact? */
  has (key: string): boolean {
    return this.#positions.has(key)
  }

  /** Entries that name this fact, in the order in which they came here. */
  positionsOf (key: string): readonly Position[] {
    return this.#positions.get(key).map(({ log, seq }) => ({ origin: this.#origins[log]!, seq }))
  }

  /**
   * What somebody with this vector lacks, in order for each origin; in place of
   * dropped entries there is one that names nothing. What is added meanwhile may
   * or may not be among it.
   */
  * missing (vector: Vector): Generator<MissingEntry> {
    for (const [origin, log] of this.#logs) {
      let seq = vector.get(origin) ?? 0

      while (seq < log.last) {
        // looked up each time: entries come and go between two steps
        const at = firstAfter(log.seqs, seq)
        const next = log.seqs[at]

        if (next == null || next > seq + 1) {
          seq = next == null ? log.last : next - 1
          yield { origin, seq, named: false }
        } else {
          seq = next
          yield { origin, seq, named: true }
        }
      }
    }
  }

  /** These facts are gone, or need no log: the entries that named them. The vector stays. */
  drop (keys: string | ReadonlySet<string>): LogEntry[] {
    const gone = typeof keys === 'string' ? new Set([keys]) : keys
    // by number: to look up each key of a long log would take its time
    const numbers = new Map<string, Set<number>>()
    const dropped: LogEntry[] = []

    for (const key of gone) {
      for (const position of this.positionsOf(key)) {
        numbers.set(position.origin, (numbers.get(position.origin) ?? new Set()).add(position.seq))
        dropped.push({ ...position, key })
      }

      this.#positions.delete(key)
    }

    for (const [origin, spent] of numbers) {
      const log = this.#logs.get(origin)!

      log.seqs = log.seqs.filter(seq => !spent.has(seq))
    }

    return dropped
  }

  /** Forgets origins that have ended and of which no entry is left; returns them with their last numbers. */
  dropEnded (): Position[] {
    const ended = [...this.#logs].filter(([origin, { seqs }]) => seqs.length === 0 && this.#hasEnded(origin))

    return ended.map(([origin, { last }]) => {
      this.#logs.delete(origin)

      return { origin, seq: last }
    })
  }

  /** A later incarnation of the same master is known. ULIDs are in the order of time. */
  #hasEnded (origin: string): boolean {
    const peer = peerOf(origin)

    return origin !== this.origin && [this.origin, ...this.#logs.keys()].some(other => other > origin && peerOf(other) === peer)
  }
}

export function peerOf (origin: string): string {
  return origin.slice(0, origin.lastIndexOf('.'))
}

/** Index of the first number above `seq`. */
function firstAfter (seqs: number[], seq: number): number {
  let [low, high] = [0, seqs.length]

  while (low < high) {
    const middle = (low + high) >>> 1

    if (seqs[middle]! > seq) {
      high = middle
    } else {
      low = middle + 1
    }
  }

  return low
}
