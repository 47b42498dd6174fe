import { mean } from './moments.ts'

/**
 * Lag-1 autocorrelation, about -1 to 1: how much values resemble those before
 * them. The sum of products of neighbouring deviations from the mean by the sum
 * of their squares: Box and Jenkins, Time Series Analysis, section 2.1.
 * 0 when nothing varies; undefined below three values.
 */
export function lagCorrelation (values: readonly number[]): number | undefined {
  if (values.length < 3) {
    return undefined
  }

  const middle = mean(values)
  let products = 0
  let squares = 0

  for (const [i, value] of values.entries()) {
    products += i === 0 ? 0 : (value - middle) * ((values[i - 1] as number) - middle)
    squares += (value - middle) ** 2
  }

  return squares === 0 ? 0 : products / squares
}
