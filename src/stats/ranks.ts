/**
 * Ranks from 1, in the order of the values; equal ones share the mean of theirs.
 * `tied` is the sum of t^3 - t over all groups of t equal values.
 */
export function ranksOf (values: readonly number[]): { ranks: number[], tied: number } {
  const order = Array.from(values.keys()).sort((a, b) => (values[a] as number) - (values[b] as number))
  const ranks = new Array<number>(values.length)
  let tied = 0
  let first = 0

  while (first < order.length) {
    let next = first + 1

    while (next < order.length && values[order[next] as number] === values[order[first] as number]) {
      next++
    }

    for (const index of order.slice(first, next)) {
      ranks[index] = (first + 1 + next) / 2
    }

    tied += (next - first) ** 3 - (next - first)
    first = next
  }

  return { ranks, tied }
}
