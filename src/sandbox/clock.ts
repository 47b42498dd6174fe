/**
 * The runner stamps with CLOCK_MONOTONIC in nanoseconds, the worker speaks of
 * performance.timeOrigin + performance.now() in milliseconds. Both count from
 * the same clock, so their distance is constant in a process.
 */
const distanceMs = ((): number => {
  let best = Infinity
  let distance = 0

  // The smallest bracket of a few readings is the most exact one.
  for (let i = 0; i < 20; i++) {
    const before = process.hrtime.bigint()
    const now = performance.now()
    const after = process.hrtime.bigint()

    if (Number(after - before) < best) {
      best = Number(after - before)
      distance = now - Number(before + after) / 2e6
    }
  }

  return performance.timeOrigin + distance
})()

export function toMonotonicNs (ms: number): bigint {
  return BigInt(Math.round((ms - distanceMs) * 1e6))
}

export function fromMonotonicNs (ns: bigint): number {
  return Number(ns) / 1e6 + distanceMs
}
