/**
 * Numbers from 0 to 1, without 1, that look random and follow from the values:
 * mulberry32 (Ettinger, 2017), begun by FNV-1a over their bits. For shuffling,
 * not for secrets.
 */
export function randomFrom (values: readonly number[]): () => number {
  let state = hashOf(values)

  return () => {
    state = (state + 0x6d2b79f5) | 0

    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)

    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed

    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function hashOf (values: readonly number[]): number {
  let hash = 0x811c9dc5

  for (const byte of new Uint8Array(Float64Array.from(values).buffer)) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }

  return hash
}
