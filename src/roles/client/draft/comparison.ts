import { type Comparison, DEFAULT_MARGIN, type Metric } from '../../../model/comparison.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import type { Plan } from '../../../model/plan.ts'
import type { Parameter } from './parameters.ts'
import { parsePercent, planOf, type PlanOptions } from './plan.ts'

/** How commands are compared. */
export interface CompareOptions {
  metric: Metric
  margin?: number
  failIfSlower?: number
  failIfUndecided?: boolean
}

export function comparisonOf ({ metric, margin = DEFAULT_MARGIN, failIfSlower, failIfUndecided = false }: CompareOptions): Comparison {
  return { metric, margin, ...(failIfSlower == null ? {} : { failIfSlower }), failIfUndecided }
}

/**
 * As for single commands, but precision means that of the ratios: unless told
 * otherwise half of the margin, for an interval as wide as the margin itself
 * hardly ever lies within it.
 */
export function pairsPlanOf (options: PlanOptions, { margin }: Pick<Comparison, 'margin'>): Plan {
  const plan = planOf(options)

  return plan.kind === 'precision' && options.precision == null ? { ...plan, precision: margin / 2 } : plan
}

/**
 * The command lines to compare, the first one being what the others are
 * compared with.
 *
 * @param reference - comes from elsewhere and stands before those that were typed
 */
export function comparedLines (typed: readonly string[], parameters: readonly Parameter[], reference?: string): string[] {
  const lines = [...(reference == null ? [] : [reference]), ...typed]
  const option = typed.find(line => line.startsWith('-'))

  if (option != null) {
    throw new MeshmarkError('usage', `'${option}' stands behind a command: write options before the commands, and each command with its arguments in one pair of quotes`)
  }

  // All would be compared with the first: the old one for one value with the new one for another.
  if (lines.length > 1 && parameters.length > 0) {
    throw new MeshmarkError('usage', `parameters make several commands of one, and there are ${lines.length} commands already: compare them for one value at a time`)
  }

  if (lines.length < 2 && parameters.reduce((product, { values }) => product * values.length, lines.length) < 2) {
    throw new MeshmarkError('usage', `${lines.length === 0 ? 'nothing' : 'one command'} to compare: write at least two, each with its arguments in one pair of quotes, e.g. meshmark compare './old 7' './new 7'`)
  }

  return lines
}

export function readThreshold (text: string): number {
  return /^0+(\.0+)?%?$/.test(text) ? 0 : parsePercent(text, '--fail-if-slower')
}
