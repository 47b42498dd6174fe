import { MIN_FOR_INTERVAL } from '../stats/median-interval.ts'
import { listText, percentText } from './comparison-words.ts'
import type { Plan } from '../model/plan.ts'
import type { PairedRatio } from '../stats/paired-ratio.ts'
import type { ComparedRow } from './comparison.ts'

/** What may be advised. */
const MOST_PAIRS = 10_000
const LONGEST_MS = 600_000
const WIDEST_MARGIN = 0.5

/** Lines about rows without a verdict: why there is none, and what would bring one. */
export function undecidedLines (rows: readonly ComparedRow[], margin: number, plan: Plan): string[] {
  const undecided = rows.filter(({ result }) => result?.verdict === 'undecided')
  const few = undecided.filter(row => pairsOf(row) < MIN_FOR_INTERVAL)
  const wide = undecided.filter(({ result }) => result?.ratio != null)
  const others = undecided.filter(row => !few.includes(row) && !wide.includes(row))
  const reasons = [...new Set(others.map(({ result }) => result?.reason ?? 'no ratio'))]

  return [
    ...(few.length === 0 ? [] : [`undecided${on(few, rows)}: ${fewPairs(Math.min(...few.map(pairsOf)), plan)}`]),
    ...(wide.length === 0 ? [] : [`undecided${on(wide, rows)}: ${helpForWide(wide, margin, plan)}`]),
    ...reasons.map(reason => `undecided${on(others.filter(({ result }) => (result?.reason ?? 'no ratio') === reason), rows)}: ${reason}`)
  ]
}

function on (some: readonly ComparedRow[], all: readonly ComparedRow[]): string {
  return all.length === 1 ? '' : ` on ${listText(some.map(({ row }) => row.name))}`
}

function fewPairs (pairs: number, plan: Plan): string {
  return `${pairs} pair${pairs === 1 ? ' says' : 's say'} nothing, ${MIN_FOR_INTERVAL} are the least: ${plan.kind === 'fixed' ? '--runs' : '--min-runs'} ${MIN_FOR_INTERVAL} or more`
}

function helpForWide (undecided: readonly ComparedRow[], margin: number, plan: Plan): string {
  const half = Math.max(...undecided.map(({ result }) => result?.ratio == null ? 0 : halfWidthOfLog(result.ratio)))
  const times = timesAsMany(half, margin)
  const option = optionFor(undecided, times, plan)
  const enough = 2 * Math.expm1(half)

  if (option != null) {
    return `at most ${times} times as many pairs bring a verdict: ${option}`
  }

  return `the runs differ too much from each other for ± ${percentText(margin)}: a quieter machine helps${enough < WIDEST_MARGIN ? `, or e.g. --margin ${Math.ceil(100 * enough)}%` : ''}`
}

function halfWidthOfLog ({ ratio, low, high }: PairedRatio): number {
  return Math.max(Math.log(high / ratio), Math.log(ratio / low))
}

/**
 * An interval whose half-width is half of the margin brings a verdict wherever
 * it lies: within the margin, or without 1. The width goes with the root of
 * the number of pairs. Where it lies now is no help in foreseeing fewer, for it
 * is chance while the interval holds 1.
 */
export function timesAsMany (halfWidth: number, margin: number): number {
  return Math.max(2, Math.ceil((2 * halfWidth / Math.log1p(margin)) ** 2))
}

/** Undefined when nobody would wait for it. */
function optionFor (undecided: readonly ComparedRow[], times: number, plan: Plan): string | undefined {
  const most = Math.max(...undecided.map(pairsOf))

  if (plan.kind !== 'precision') {
    return most * times > MOST_PAIRS ? undefined : `--runs ${most * times}`
  }

  const wanting = undecided.filter(({ row }) => row.result?.reached != null)

  // Its precision was reached, and the plan asked for no more.
  if (wanting.length === 0) {
    return `--precision ${Number((plan.precision / Math.sqrt(times) * 100).toPrecision(2))}%`
  }

  if (Math.max(...wanting.map(pairsOf)) >= plan.maxRuns) {
    return plan.maxRuns * times > MOST_PAIRS ? undefined : `--max-runs ${plan.maxRuns * times}`
  }

  return plan.budgetMs * times > LONGEST_MS ? undefined : `--budget ${typedDuration(plan.budgetMs * times)}`
}

function pairsOf ({ row, reference }: ComparedRow): number {
  return Math.min(row.samples.length, reference.samples.length)
}

/** As options take it. */
function typedDuration (ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1_000)}s` : `${Math.ceil(ms / 60_000)}m`
}
