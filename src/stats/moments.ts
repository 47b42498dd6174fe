/** Arithmetic mean; NaN for no values. */
export function mean (values: readonly number[]): number {
  return sum(values) / values.length
}

/** Standard deviation of the sample (divisor n - 1); undefined below two values. */
export function standardDeviation (values: readonly number[]): number | undefined {
  if (values.length < 2) {
    return undefined
  }

  const middle = mean(values)

  return Math.sqrt(sum(values.map(value => (value - middle) ** 2)) / (values.length - 1))
}

/** Neumaier's summation: the order of the values does not show in the last digits. */
function sum (values: readonly number[]): number {
  let total = 0
  let lost = 0

  for (const value of values) {
    const next = total + value

    lost += Math.abs(total) >= Math.abs(value) ? (total - next) + value : (value - next) + total
    total = next
  }

  return total + lost
}
