import { parseWhere } from '../../../machine/match.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { parseCount } from '../../../model/units.ts'
import type { Placement } from '../../../model/placement.ts'

const MAX_NAMES = 10_000

/** `all`, `any`, a number of workers or names, and the conditions of every `--where`. */
export function readPlacement (on: string, where: readonly string[]): Placement {
  const selectors = where.flatMap(text => parseWhere(text))

  if (on === 'all' || on === 'any') {
    return { on, where: selectors }
  }

  if (/^\d+$/.test(on)) {
    return { on: 'some', count: parseCount(on, '--on', 1, MAX_NAMES), where: selectors }
  }

  return { on: 'names', names: expandNames(on), where: selectors }
}

/** `lab-[1-3,7],pi` is lab-1, lab-2, lab-3, lab-7 and pi; `[01-10]` keeps its zeros. */
export function expandNames (text: string): string[] {
  // A comma between brackets separates numbers, not names.
  const parts = text.split(/,(?![^[]*\])/)
  const names = [...new Set(parts.flatMap(part => expand(part.trim(), text)))].filter(name => name !== '')

  if (names.length === 0) {
    throw new MeshmarkError('usage', `--on '${text}' names no worker: write all, any, a number of workers or names`)
  }

  return names
}

function expand (part: string, text: string): string[] {
  const match = /^([^[\]]*)\[([^[\]]*)\](.*)$/.exec(part)

  if (match == null) {
    if (/[[\]]/.test(part)) {
      throw new MeshmarkError('usage', `--on '${text}' has a [ without a ]: write e.g. lab-[1-4]`)
    }

    return [part]
  }

  const [, before = '', ranges = '', after = ''] = match
  const rest = expand(after, text)
  const counted = ranges.split(',').flatMap(range => numbers(range.trim(), text))

  if (counted.length * rest.length > MAX_NAMES) {
    throw new MeshmarkError('usage', `--on '${text}' names more than ${MAX_NAMES} workers`)
  }

  return counted.flatMap(number => rest.map(end => `${before}${number}${end}`))
}

function numbers (range: string, text: string): string[] {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range)

  if (match == null) {
    throw new MeshmarkError('usage', `--on '${text}': '${range}' is not a range of numbers: write e.g. lab-[1-4]`)
  }

  const [, low = '', high = low] = match
  const count = Number(high) - Number(low) + 1

  if (count < 1 || count > MAX_NAMES) {
    throw new MeshmarkError('usage', `--on '${text}': the range ${range} ${count < 1 ? 'runs backwards' : `has more than ${MAX_NAMES} numbers`}`)
  }

  return Array.from({ length: count }, (_, index) => String(Number(low) + index).padStart(low.startsWith('0') ? low.length : 1, '0'))
}
