import { decimalsOfDigits } from '../stats/digits.ts'
import { median } from '../stats/quantile.ts'
import { layOut } from './columns.ts'
import { outputGroups } from './output-facts.ts'
import { commonUnit, ratioText, timeText, unitFor } from './quantities.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Palette } from './colour.ts'
import type { Column, Line } from './columns.ts'
import type { Row } from './rows.ts'

/** With more workers than this a screen is no longer read row by row. */
export const GROUPED_ABOVE = 20

/** A worker this far from the median of its processor's group, and whose interval leaves it out too, disagrees with it. */
const DISAGREES_BEYOND = 0.1

const COLUMNS: Column[] = [
  { key: 'cpu', title: 'cpu', align: 'left', shrinkTo: 14 },
  { key: 'command', title: 'command', align: 'left', shrinkTo: 16 },
  { key: 'workers', title: 'workers', align: 'right' },
  { key: 'median', title: 'median', align: 'right' },
  { key: 'range', title: 'range', align: 'right' },
  { key: 'relative', title: 'relative', align: 'left' }
]

export interface Group { cpu: string, title: string, command: number, rows: Row[], median: number }

/** One line for each kind of processor and command; then, as rows of their own, the workers that need a look. */
export function renderGroups (rows: readonly Row[], finished: FinishedJob, width: number, palette: Palette, renderRows: (rows: Row[]) => string[]): string[] {
  const commands = finished.job.commands.length
  const groups = groupsOf(rows)
  const unit = groups.length === 0 ? undefined : commonUnit(groups.map(group => group.median))
  const lines = groups.map((group, i): Line => {
    const own = unit ?? unitFor(group.median)
    const decimals = decimalsOfDigits(group.median / own.ns, 3)
    const medians = group.rows.map(row => row.figures?.median ?? NaN)
    const best = Math.min(...groups.filter(other => commands === 1 || other.cpu === group.cpu).map(other => other.median))

    return {
      cells: {
        cpu: groups[i - 1]?.cpu === group.cpu ? '' : group.cpu,
        command: group.title,
        workers: String(group.rows.length),
        median: timeText(group.median, own, decimals),
        range: `${timeText(Math.min(...medians), { ...own, name: '' }, decimals).trim()} to ${timeText(Math.max(...medians), own, decimals)}`,
        relative: ratioText(group.median / best)
      }
    }
  })

  const remarkable = rows.filter(row => isRemarkable(row, rows, groups))

  return [
    ...(groups.length === 0 ? [] : layOut(COLUMNS.filter(({ key }) => key !== 'command' || commands > 1), lines, width, palette.faint)),
    ...(remarkable.length === 0 ? [] : ['', 'failed, noisy or unlike the others:', ...renderRows(remarkable), '']),
    palette.faint('grouped by processor: --all-rows shows every worker')
  ]
}

/** The fastest processor first; its commands stay together. */
export function groupsOf (rows: readonly Row[]): Group[] {
  const groups = new Map<string, Group>()

  for (const row of rows.filter(({ figures }) => figures != null)) {
    const key = JSON.stringify([row.cpu, row.command])
    const group = groups.get(key) ?? { cpu: row.cpu, title: row.title, command: row.command, rows: [], median: NaN }

    group.rows.push(row)
    groups.set(key, group)
  }

  const all = [...groups.values()].map(group => ({ ...group, median: median(group.rows.map(row => row.figures?.median ?? NaN)) }))
  const fastest = (cpu: string): number => Math.min(...all.filter(group => group.cpu === cpu).map(group => group.median))

  return all.sort((a, b) => a.cpu === b.cpu ? a.command - b.command : fastest(a.cpu) - fastest(b.cpu))
}

/** Does it need a look: failed, noisy, or unlike the others? */
export function isRemarkable (row: Row, rows: readonly Row[], groups: readonly Group[]): boolean {
  const grade = row.worker.result?.noise?.grade

  if (row.figures == null || row.ended != null || grade === 'C' || grade === 'D' || row.result?.output?.same === false) {
    return true
  }

  const group = groups.find(candidate => candidate.rows.includes(row))
  const [usual] = outputGroups(rows.filter(other => other.command === row.command && other.figures != null && other.result?.output != null))

  return (row.result?.output != null && usual?.includes(row) === false) || (group != null && disagrees(row, group))
}

function disagrees ({ figures }: Row, group: Group): boolean {
  if (figures == null || group.rows.length < 3 || Math.abs(figures.median / group.median - 1) <= DISAGREES_BEYOND) {
    return false
  }

  return figures.interval == null || group.median < figures.interval.low || group.median > figures.interval.high
}
