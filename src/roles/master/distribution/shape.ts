/** More children than this make one uplink the bottleneck of all of them. */
const MAX_FAN_OUT = 8

/**
 * To how many others one holder passes a payload on at the same time, so that
 * the last receiver has the last chunk soonest. A holder with k children sends
 * every chunk k times, and a chunk passes one level of the tree after the other:
 * chunks x k + (levels - 1) x k transfers of a chunk until the end (a pipelined
 * k-ary tree; k = 1 is a chain, with as many levels as receivers).
 */
export function fanOutFor (receivers: number, chunks: number): number {
  let best = 1

  for (let k = 2; k <= MAX_FAN_OUT; k++) {
    if (transfers(k, receivers, chunks) < transfers(best, receivers, chunks)) {
      best = k
    }
  }

  return best
}

function transfers (k: number, receivers: number, chunks: number): number {
  return k * (Math.max(chunks, 1) + levels(k, receivers) - 1)
}

/** Of a tree whose root has k children, as every other node has at most. */
function levels (k: number, receivers: number): number {
  if (k === 1) {
    return receivers
  }

  let count = 0

  for (let held = 0, level = k; held < receivers; level *= k) {
    held += level
    count++
  }

  return count
}
