/** A sleep may end this much late; the rest of the way is spun. */
const SPIN_NS = 1_500_000n

const cell = new Int32Array(new SharedArrayBuffer(4))

/** Blocks until an instant of CLOCK_MONOTONIC; returns at once when it has passed. */
export function waitUntil (instantNs: bigint): void {
  const sleepNs = instantNs - process.hrtime.bigint() - SPIN_NS

  if (sleepNs > 0n) {
    Atomics.wait(cell, 0, 0, Number(sleepNs) / 1e6)
  }

  while (process.hrtime.bigint() < instantNs) { /* until it is time */ }
}
