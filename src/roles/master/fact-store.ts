/** Where a write stands in the log of the master that made it. */
export interface Position {
  origin: string
  seq: number
}

export interface Fact {
  key: string
  value: Uint8Array
}

/** A fact that is new here; without a value it was pruned. */
export interface ChangedFact {
  key: string
  value?: Uint8Array
  /** Another master wrote it. */
  elsewhere: boolean
}

/** What the masters of a mesh know together; see replica/replica.ts. */
export interface FactStore {
  /** Resolves when the records are merged with what is there and on the disk. */
  write: (records: Fact[]) => Promise<Position>
  get: (key: string) => Promise<Uint8Array | undefined>
  iterate: (prefix: string) => AsyncIterable<Fact>
  /** Prunes them here. */
  remove: (keys: string[]) => Promise<void>
  /** Called after the change is on the disk. */
  onChange: (listener: (changes: readonly ChangedFact[]) => void) => void
}
