import { MeshmarkError } from '../model/errors.ts'
import { MAX_JOB_MS, parseCount, parseDuration } from '../model/units.ts'
import { parsePercent, positive } from '../roles/client/draft/plan.ts'
import type { Duration, Percent } from './options.ts'

/*
 * Values of options as the command line reads them, so that both take the same
 * ones and refuse the others in the same words.
 */

/** Milliseconds; more than nothing. */
export function durationOf (value: Duration | undefined, option: string): number | undefined {
  return value == null ? undefined : positive(parseDuration(textOf(value, option), option, MAX_JOB_MS), option, textOf(value, option))
}

/** A fraction. */
export function percentOf (value: Percent | undefined, option: string): number | undefined {
  return value == null ? undefined : parsePercent(textOf(value, option), option)
}

export function countOf (value: number | undefined, option: string, min?: number, max?: number): number | undefined {
  return value == null ? undefined : parseCount(textOf(value, option), option, min, max)
}

/** As it would be typed. Throws `usage` for what is neither a text nor a number. */
export function textOf (value: unknown, option: string): string {
  if (typeof value === 'string') {
    return value
  }

  if (typeof value === 'number' && Number.isFinite(value)) {
    // never 1e-7
    return Number.isInteger(value) ? String(value) : value.toFixed(9).replace(/0+$/, '')
  }

  throw new MeshmarkError('usage', `${option} must be a text or a number, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}`)
}

/** One or several as a list. */
export function listOf<T> (value: T | readonly T[] | undefined): T[] | undefined {
  return value == null ? undefined : Array.isArray(value) ? [...value] : [value as T]
}
