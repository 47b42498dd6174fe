import { medianAbsoluteDeviation } from './mad.ts'
import { median } from './quantile.ts'
import { randomFrom } from './random.ts'
import { ranksOf } from './ranks.ts'

/** Where a series has changed its level. */
export interface ChangePoint {
  /** Index of the first value after the change. */
  at: number
  /** Share of the shuffled series in which the best place to part them did at least as well. */
  pValue: number
}

export interface ChangeOptions {
  /** The probability of seeing a change where there is none, at most. @default 0.01 */
  level?: number
  /** Values that belong together on each side at least. @default 3 */
  least?: number
  /** How often a stretch is shuffled. @default 499 */
  shuffles?: number
}

/** From so many values on a single change can be seen at all: of fewer, no order of them is rare enough at the default level. */
export const MIN_FOR_CHANGES = 10

/** Median absolute deviations. */
const FAR = 6

/**
 * Where a series in the order of time changes its level: E-divisive, which
 * parts the series where the energy distance between both sides is largest,
 * asks by shuffling whether that could be chance, and goes on inside the
 * parts. Matteson and James, "A nonparametric approach for multiple change
 * point analysis of multivariate data", JASA 109, 2014, as MongoDB (Daly et
 * al., "The use of change point detection to identify software performance
 * regressions in a continuous integration system", ICPE 2020) and Apache Otava
 * use it for results of benchmarks. A value that is far from all others counts
 * as one that is just outside of them (winsorized at FAR median absolute
 * deviations), so that a single bad day neither is a change nor hides one.
 *
 * The shuffling is drawn from the values themselves: the same series has the
 * same changes. A p-value is of one stretch and not corrected for the others.
 *
 * @param series - finite numbers, the oldest first; some hundreds at most, as it takes cubic time
 * @returns in their order; none below MIN_FOR_CHANGES values
 */
export function changePoints (series: readonly number[], { level = 0.01, least = 3, shuffles = 499 }: ChangeOptions = {}): ChangePoint[] {
  if (series.length < MIN_FOR_CHANGES) {
    return []
  }

  const found: ChangePoint[] = []
  const stretches: Array<[from: number, until: number]> = [[0, series.length]]

  for (let stretch = stretches.pop(); stretch != null; stretch = stretches.pop()) {
    const [from, until] = stretch
    const values = tamed(series.slice(from, until))
    const best = bestParting(values, least)

    if (best == null || best.score <= 0) {
      continue
    }

    const pValue = chanceOf(values, best.score, least, shuffles, level)

    if (pValue <= level) {
      found.push({ at: from + best.at, pValue })
      stretches.push([from, from + best.at], [from + best.at, until])
    }
  }

  return found.sort((a, b) => a.at - b.at)
}

/** Deviations from the middle, none of them too far. */
function tamed (values: readonly number[]): number[] {
  const middle = median(values)
  const scale = medianAbsoluteDeviation(values)

  return values.map(value => scale > 0 ? Math.max(-FAR, Math.min(FAR, (value - middle) / scale)) : Math.sign(value - middle))
}

/** Where both sides differ most, and by how much; undefined when there is no room for two sides. */
function bestParting (values: readonly number[], least: number): { at: number, score: number } | undefined {
  const n = values.length
  let best: { at: number, score: number } | undefined
  // Sums of distances of pairs: within the left side, within the right one, and across.
  let left = 0
  let right = 0
  let across = 0

  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      right += Math.abs(values[i]! - values[j]!)
    }
  }

  // Value k - 1 goes from the right side to the left one.
  for (let k = 1; k < n; k++) {
    let toLeft = 0
    let toRight = 0

    for (let i = 0; i < k - 1; i++) {
      toLeft += Math.abs(values[i]! - values[k - 1]!)
    }

    for (let j = k; j < n; j++) {
      toRight += Math.abs(values[j]! - values[k - 1]!)
    }

    left += toLeft
    right -= toRight
    across += toRight - toLeft

    if (k >= least && n - k >= least) {
      const m = n - k
      // their equation 5, with unbiased means within both sides
      const distance = 2 * across / (k * m) - left / (k * (k - 1) / 2) - right / (m * (m - 1) / 2)
      const score = k * m / n * distance

      if (best == null || score > best.score) {
        best = { at: k, score }
      }
    }
  }

  return best
}

/** How often chance does as well; the series itself counts as one of its orders. Ends as soon as it is too often, and says then what it has come to. */
function chanceOf (values: readonly number[], score: number, least: number, shuffles: number, level: number): number {
  // of ranks: another unit must not be another series
  const random = randomFrom(ranksOf(values).ranks)
  const shuffled = [...values]
  let asGood = 1

  for (let round = 0; round < shuffles && asGood / (shuffles + 1) <= level; round++) {
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))

      ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
    }

    // sums in another order differ in their last digits
    asGood += (bestParting(shuffled, least)?.score ?? 0) >= score * (1 - 1e-9) ? 1 : 0
  }

  return asGood / (shuffles + 1)
}
