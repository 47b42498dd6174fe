/**
 * p-values of several tests, adjusted so that the chance of even one false
 * alarm among all of them stays below the level: sorted, the smallest is
 * multiplied by their number, the next by one less, and none may be below one
 * before it. Holm, "A simple sequentially rejective multiple test procedure",
 * Scandinavian Journal of Statistics 6, 1979. In the order in which they came.
 */
export function holm (pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] as number) - (pValues[b] as number))
  const adjusted = new Array<number>(pValues.length)
  let before = 0

  for (const [rank, index] of order.entries()) {
    before = Math.max(before, Math.min(1, (pValues.length - rank) * (pValues[index] as number)))
    adjusted[index] = before
  }

  return adjusted
}
