/** Whether a worker takes new work, as somebody has said at some time. */
export interface DrainWord {
  drain: boolean
  /** Mesh time, milliseconds since 1970. */
  atMs: number
  /** Peer id of the master that was told. */
  by: string
}

/** The word that counts: the one said last. A master that has not heard it yet repeats an earlier one. */
export function latestDrain (known: DrainWord | undefined, heard: DrainWord): DrainWord {
  if (known == null || heard.atMs !== known.atMs) {
    return known == null || heard.atMs > known.atMs ? heard : known
  }

  if (heard.by !== known.by) {
    return heard.by > known.by ? heard : known
  }

  return heard.drain ? heard : known
}
