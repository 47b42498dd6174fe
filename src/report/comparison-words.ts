import { decimalsOfDigits } from '../stats/digits.ts'
import { ratioText } from './quantities.ts'
import type { Metric } from '../model/comparison.ts'
import type { Verdict } from '../measure/verdict.ts'
import type { Palette } from './colour.ts'

/** How many names are spelled out. */
const MAX_NAMES = 8

/** A verdict in words: memory is not fast. */
export function verdictWord (verdict: Verdict, metric: Metric): string {
  return metric !== 'memory' ? verdict : verdict === 'faster' ? 'smaller' : verdict === 'slower' ? 'larger' : verdict
}

/** What ratios are of. */
export const METRIC_WORDS: Record<Metric, string> = { wall: 'wall time', cpu: 'CPU time', memory: 'peak memory' }

export function verdictStyle (verdict: Verdict, palette: Palette): ((text: string) => string) | undefined {
  return { faster: palette.best, slower: palette.failed, undecided: palette.doubtful, equivalent: undefined }[verdict]
}

/** What differs by less does so by the arithmetic alone. */
const LEAST_DIFFERENCE = 1e-9

/** `1.023 ± 0.004`; where every pair has the same one, as memory may, `1.0010 ± 0`. */
export function ratioWithInterval ({ ratio, low, high }: { ratio: number, low: number, high: number }): string {
  return high - low < LEAST_DIFFERENCE ? `${ratio.toFixed(4)} ± 0` : ratioText(ratio, { ratio, low, high })
}

/** `0.97 to 1.08` */
export function rangeText (low: number, high: number): string {
  const decimals = Math.max(2, decimalsOfDigits(high - low, 2))

  return `${low.toFixed(decimals)} to ${high.toFixed(decimals)}`
}

/** 0.05 is `5 %`. */
export function percentText (fraction: number): string {
  return `${Number((fraction * 100).toPrecision(3))} %`
}

/** `a`, `a and b`, `a, b and c`; many are cut short. */
export function listText (names: readonly string[]): string {
  const shown = names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), `${names.length - MAX_NAMES} more`] : names

  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
