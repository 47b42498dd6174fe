import { printable } from '../model/text.ts'
import type { Row } from './rows.ts'

/** How many names are spelled out. */
const MAX_NAMES = 8

/**
 * Did the workers print the same to stdout? One line per command; none when
 * no worker tells.
 */
export function outputLines (rows: readonly Row[], commands: number): string[] {
  return Array.from({ length: commands }, (_, command) => {
    const told = rows.filter(row => row.command === command && row.figures != null && row.result?.output != null)
    const facts = outputFact(told)
    const label = commands === 1 ? 'output' : `output of ${printable(told[0]?.title ?? '', 40)}`

    return facts == null ? [] : [`${label}: ${facts}`]
  }).flat()
}

function outputFact (rows: readonly Row[]): string | undefined {
  const unsteady = rows.filter(row => row.result?.output?.same === false)
  const steady = rows.filter(row => row.result?.output?.same === true)

  // A single run agrees with nothing.
  if (rows.length === 0 || (rows.length === 1 && rows[0]?.samples.length === 1)) {
    return undefined
  }

  const unsteadyText = unsteady.length === 0
    ? ''
    : `changes from run to run on ${unsteady.length === rows.length && rows.length > 1 ? everyone(rows.length) : names(unsteady)}`

  if (steady.length === 0) {
    return unsteadyText
  }

  return [agreement(steady, rows.length), ...(unsteadyText === '' ? [] : [unsteadyText])].join('; ')
}

function agreement (steady: readonly Row[], total: number): string {
  const groups = outputGroups(steady)
  const [largest = [], ...others] = groups
  const what = largest[0]?.result?.output?.stdoutBytes === 0 ? 'none' : 'same'

  if (total === 1) {
    return what === 'none' ? 'none' : `same in ${everyone(largest[0]?.samples.length ?? 0)} runs`
  }

  if (others.length === 0) {
    return largest.length === total ? `${what} on ${everyone(total)}` : `${what} on ${largest.length} of ${total}`
  }

  if (largest.length === 1) {
    return steady.length === total ? `different on ${everyone(total)}` : `different on ${names(steady)}`
  }

  return `${what} on ${largest.length} of ${total}, different on ${names(others.flat())}`
}

/** `both`, `all 3` */
export function everyone (total: number): string {
  return total === 2 ? 'both' : `all ${total}`
}

/** Rows that printed the same, the largest group first. */
export function outputGroups (rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>()

  for (const row of rows) {
    const digest = row.result?.output?.stdoutDigest ?? ''

    const group = groups.get(digest)

    // of many rows that print the same, one copy for each would be their square
    if (group == null) {
      groups.set(digest, [row])
    } else {
      group.push(row)
    }
  }

  return [...groups.values()].sort((a, b) => b.length - a.length)
}

function names (rows: readonly Row[]): string {
  const shown = rows.slice(0, MAX_NAMES).map(row => row.name).join(', ')

  return rows.length > MAX_NAMES ? `${shown} and ${rows.length - MAX_NAMES} more` : shown
}
