import { MeshmarkError } from '../../../model/errors.ts'
import { DEFAULT_PLAN, type Plan } from '../../../model/plan.ts'

export interface PlanOptions {
  runs?: number
  warmup?: number
  minRuns?: number
  maxRuns?: number
  precision?: number
  budget?: number
}

/** A fixed number of runs, or a precision within a budget. */
export function planOf (options: PlanOptions): Plan {
  const { runs, minRuns, maxRuns, precision, budget, warmup = 0 } = options

  if (runs != null) {
    const other = Object.entries({ '--min-runs': minRuns, '--max-runs': maxRuns, '--precision': precision, '--budget': budget }).find(([, value]) => value != null)

    if (other != null) {
      throw new MeshmarkError('usage', `--runs fixes the number of runs, so ${other[0]} has no meaning beside it: leave one of them out`)
    }

    return { kind: 'fixed', runs, warmup }
  }

  if (DEFAULT_PLAN.kind !== 'precision') {
    throw new TypeError('the default plan aims at a precision')
  }

  const plan = {
    ...DEFAULT_PLAN,
    warmup,
    minRuns: minRuns ?? Math.min(DEFAULT_PLAN.minRuns, maxRuns ?? Infinity),
    maxRuns: maxRuns ?? Math.max(DEFAULT_PLAN.maxRuns, minRuns ?? 0),
    precision: precision ?? DEFAULT_PLAN.precision,
    budgetMs: budget ?? DEFAULT_PLAN.budgetMs
  }

  if (plan.minRuns > plan.maxRuns) {
    throw new MeshmarkError('usage', `--min-runs ${plan.minRuns} is more than --max-runs ${plan.maxRuns}`)
  }

  return plan
}

/** `1%` or `0.5%`, as a fraction; a bare number is a percentage too. */
export function parsePercent (text: string, option: string): number {
  const value = Number(text.replace(/%$/, ''))

  if (!/^\d+(\.\d+)?%?$/.test(text) || value <= 0 || value >= 100) {
    throw new MeshmarkError('usage', `${option} '${text}' is not a percentage between 0 and 100: write e.g. 1%`)
  }

  return value / 100
}

export function positive (value: number, option: string, text: string): number {
  if (value <= 0) {
    throw new MeshmarkError('usage', `${option} '${text}' must be more than nothing`)
  }

  return value
}
