/** A result that some master lacks still. */
export interface Kept {
  execution: string
  /** Of its record and output, on disk. */
  bytes: number
  /** How long it has been kept while the worker was there to deliver it, milliseconds. */
  ageMs: number
  finishedAt: number
  /** Peer ids of the masters that have it on disk. */
  confirmed: ReadonlySet<string>
}

export interface KeepingBounds {
  keepMs: number
  maxBytes: number
  maxCount: number
}

export interface GivenUp {
  execution: string
  why: 'age' | 'size' | 'count'
  /** Masters that have it, of those that are known. */
  held: string[]
  /** Known masters that never took it. */
  lacking: string[]
}

/** Which of the masters must confirm a result still. */
export function mustConfirm (masters: Iterable<string>, confirmed: ReadonlySet<string>): string[] {
  return [...masters].filter(master => !confirmed.has(master))
}

/** Every known master has it; a worker that knows none keeps everything. */
export function mayForget (masters: readonly string[], confirmed: ReadonlySet<string>): boolean {
  return masters.length > 0 && mustConfirm(masters, confirmed).length === 0
}

/**
 * What has to be given up. First whatever is too old; then, while there is too
 * much, what some master has already before what only this worker has, and of
 * these the oldest first.
 */
export function chooseGivenUp (kept: readonly Kept[], masters: readonly string[], bounds: KeepingBounds): GivenUp[] {
  const explain = ({ execution, confirmed }: Kept, why: GivenUp['why']): GivenUp => ({
    execution,
    why,
    held: masters.filter(master => confirmed.has(master)),
    lacking: mustConfirm(masters, confirmed)
  })
  const old = kept.filter(({ ageMs }) => ageMs >= bounds.keepMs)
  const rest = kept
    .filter(({ ageMs }) => ageMs < bounds.keepMs)
    .map(entry => ({ entry, safe: masters.some(master => entry.confirmed.has(master)) }))
    .sort((a, b) => Number(b.safe) - Number(a.safe) || a.entry.finishedAt - b.entry.finishedAt || (a.entry.execution < b.entry.execution ? -1 : 1))
    .map(({ entry }) => entry)
  const givenUp = old.map(entry => explain(entry, 'age'))
  let bytes = rest.reduce((sum, entry) => sum + entry.bytes, 0)
  let count = rest.length

  for (const entry of rest) {
    if (bytes <= bounds.maxBytes && count <= bounds.maxCount) {
      break
    }

    givenUp.push(explain(entry, bytes > bounds.maxBytes ? 'size' : 'count'))
    bytes -= entry.bytes
    count--
  }

  return givenUp
}
