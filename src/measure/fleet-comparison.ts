import { estimateOf, machinesLikeThese, satterthwaite, theseMachines } from '../stats/across.ts'
import { studentCdf } from '../stats/distributions.ts'
import { holm } from '../stats/holm.ts'
import { verdictOf } from './verdict.ts'
import type { Comparison } from '../model/comparison.ts'
import type { AcrossRatio, Estimate, PopulationRatio } from '../stats/across.ts'
import type { PairedRatio } from '../stats/paired-ratio.ts'
import type { Verdict } from './verdict.ts'

export interface FleetComparison {
  /** On these machines on average, each with the same weight; absent when none has a ratio. */
  these?: AcrossRatio & { verdict: Verdict }
  /** On machines like these; absent below five machines. */
  like?: PopulationRatio & { verdict: Verdict }
  /** Names of the machines that differ from most of the others. */
  disagree: string[]
}

/** A machine's part in it: whatever has a ratio, or none. */
export interface ComparedMachine {
  name: string
  comparison: { ratio?: PairedRatio }
}

/** How sure it must be that two machines' ratios differ, over all pairs of machines together. */
const SIGNIFICANCE = 0.05

/** One statement about all machines' ratios of one contender to the reference. Machines without a ratio do not take part. */
export function compareFleet (machines: readonly ComparedMachine[], comparison: Pick<Comparison, 'margin'>): FleetComparison {
  const ratios = machines.flatMap(({ name, comparison: { ratio } }) => ratio == null ? [] : [{ name, ratio, estimate: estimateOf(ratio) }])
  const estimates = ratios.map(({ estimate }) => estimate)
  const [only] = ratios
  // One machine's own interval need not be symmetric.
  const these = ratios.length === 1 && only != null
    ? { ratio: only.ratio.ratio, low: only.ratio.low, high: only.ratio.high }
    : theseMachines(estimates)
  const like = machinesLikeThese(estimates)
  const judged = <T extends AcrossRatio>(across: T): T & { verdict: Verdict } => ({ ...across, verdict: verdictOf(across, comparison.margin) })

  return {
    ...these == null ? {} : { these: judged(these) },
    ...like == null ? {} : { like: judged(like) },
    disagree: disagreeing(ratios, comparison.margin)
  }
}

/**
 * The machines that differ from more than half of the others by more than the
 * margin: every two are compared by Welch's t, with Holm's correction over all
 * pairs, so that machines which agree are all left unnamed in 95 % of the cases
 * at least. Compared with each other, not with a mean: one machine far out
 * moves the mean, and then all would seem to disagree with it.
 */
function disagreeing (machines: ReadonlyArray<{ name: string, estimate: Estimate }>, margin: number): string[] {
  const pairs = machines.flatMap((one, i) => machines.slice(i + 1).map((other, j) => ({ one: i, other: i + 1 + j, p: differ(one.estimate, other.estimate, margin) })))
  const adjusted = holm(pairs.map(({ p }) => p))
  const differing = machines.map(() => 0)

  for (const [i, { one, other }] of pairs.entries()) {
    if ((adjusted[i] as number) < SIGNIFICANCE) {
      differing[one] = (differing[one] as number) + 1
      differing[other] = (differing[other] as number) + 1
    }
  }

  return machines.filter((_, i) => (differing[i] as number) > (machines.length - 1) / 2).map(({ name }) => name)
}

/** p-value against: the two ratios differ by no more than the margin. */
function differ (one: Estimate, other: Estimate, margin: number): number {
  const excess = Math.abs(one.log - other.log) - Math.log1p(margin)
  const error = Math.hypot(one.error, other.error)

  if (!(excess > 0)) {
    return 1
  }

  return error === 0 ? 0 : Math.min(1, 2 * studentCdf(-excess / error, satterthwaite([one, other])))
}
