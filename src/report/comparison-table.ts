import stringWidth from 'fast-string-width'
import { formatBytes } from '../model/units.ts'
import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { median } from '../stats/quantile.ts'
import { layOut } from './columns.ts'
import { renderComparedGroups } from './comparison-groups.ts'
import { contendersOf, valuesOf } from './comparison.ts'
import { findings, legend } from './comparison-findings.ts'
import { percentText, ratioWithInterval, verdictStyle, verdictWord } from './comparison-words.ts'
import { GROUPED_ABOVE } from './groups.ts'
import { commonUnit, medianText, unitFor } from './quantities.ts'
import { problemText } from './rows.ts'
import type { Comparison, Metric } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Palette } from './colour.ts'
import type { Column, Line } from './columns.ts'
import type { ComparedRow, Contender } from './comparison.ts'
import type { Notes } from './notes.ts'
import type { TimeUnit } from './quantities.ts'
import type { Row } from './rows.ts'

/** A longer command does not fit above its column. */
const MAX_TITLE = 24

/** The screen of a comparison: a row for each worker and contender, then what it comes to. Without its heading. */
export function comparisonLines (rows: readonly Row[], finished: FinishedJob, options: { width: number, allRows?: boolean }, palette: Palette, notes: Notes): string[] {
  const { comparison } = finished.job
  const contenders = contendersOf(rows, finished)

  if (comparison == null) {
    return []
  }

  const shape: Shape = { comparison, several: contenders.length > 1, palette, notes, width: options.width }
  const body = finished.workers.length > GROUPED_ABOVE && options.allRows !== true
    ? renderComparedGroups(contenders, comparison, options.width, palette, some => renderRows(some, shape))
    : renderRows(byWorker(contenders), shape)

  const anything = contenders.some(({ rows }) => rows.some(({ result }) => result?.ratio != null))

  return [...body, ...findings(contenders, finished, palette), ...(anything ? [palette.faint(legend(comparison))] : [])]
}

interface Shape {
  comparison: Comparison
  /** More than one contender. */
  several: boolean
  palette: Palette
  notes: Notes
  width: number
}

/** All contenders of a worker together, the workers as they come. */
export function byWorker (contenders: readonly Contender[]): ComparedRow[] {
  return (contenders[0]?.rows ?? []).flatMap((_, index) => contenders.flatMap(({ rows }) => rows[index] ?? []))
}

function columnsFor (rows: readonly ComparedRow[], { comparison, several }: Shape): Column[] {
  const [reference, contender] = titles(rows[0], several)
  const who: Column[] = [
    { key: 'worker', title: 'worker', align: 'left', shrinkTo: 12 },
    { key: 'cpu', title: 'cpu', align: 'left', shrinkTo: 14, drop: 1 },
    ...(several ? [{ key: 'command', title: 'command', align: 'left', shrinkTo: 16 } as const] : [])
  ]

  // What happened takes the place of the figures.
  if (rows.every(({ result }) => result == null)) {
    return [...who, { key: 'reference', title: 'result', align: 'left' }]
  }

  const columns: Column[] = [
    ...who,
    { key: 'reference', title: reference, align: 'right', drop: 3 },
    { key: 'contender', title: contender, align: 'right', drop: 4 },
    { key: 'pairs', title: 'pairs', align: 'right' },
    { key: 'smaller', title: `${verdictWord('faster', comparison.metric)} in`, align: 'right', drop: 2 },
    { key: 'ratio', title: 'ratio ± 95 %', align: 'left' },
    { key: 'verdict', title: 'verdict', align: 'left' },
    { key: 'noise', title: 'noise', align: 'left' }
  ]

  return columns.filter(({ key }) => key !== 'noise' || rows.some(({ row }) => row.worker.result?.noise != null))
}

/** Of the columns with medians. */
export function titles (first: ComparedRow | undefined, several: boolean): [reference: string, contender: string] {
  const [reference = '', contender = ''] = [first?.reference.title, first?.row.title]

  if (several) {
    return ['the first', 'this one']
  }

  return reference !== contender && [reference, contender].every(title => stringWidth(title) <= MAX_TITLE) ? [reference, contender] : ['the first', 'the second']
}

function renderRows (rows: readonly ComparedRow[], shape: Shape): string[] {
  const columns = columnsFor(rows, shape)
  const unit = unitOf(rows, shape.comparison)

  return layOut(columns, rows.map((compared, i) => lineOf(compared, rows[i - 1]?.row.worker !== compared.row.worker, unit, shape)), shape.width, shape.palette.faint)
}

/** One unit for all times, where that can be. */
export function unitOf (rows: readonly ComparedRow[], comparison: Comparison): TimeUnit | undefined {
  const medians = comparison.metric === 'memory'
    ? []
    : rows.flatMap(({ row, reference }) => [reference, row].flatMap(one => one.figures == null ? [] : [median(valuesOf(one, comparison) ?? [0])]))

  return medians.length === 0 ? undefined : commonUnit(medians)
}

function lineOf (compared: ComparedRow, first: boolean, unit: TimeUnit | undefined, { comparison, palette, notes }: Shape): Line {
  const { row, result } = compared
  const cells = {
    // Of several contenders only the first names the worker.
    worker: first ? row.name + notes.mark('worker', row) : '',
    cpu: first ? row.cpu : '',
    command: row.title
  }

  if (result == null) {
    return { cells, span: { from: 'reference', text: missingText(compared) }, style: palette.failed }
  }

  const { noise } = row.worker.result ?? {}

  return {
    cells: { ...cells, ...figureCells(compared, unit, comparison, notes), noise: noise == null ? '-' : noise.grade + notes.mark('noise', row) },
    styles: {
      ...(verdictStyle(result.verdict, palette) == null ? {} : { verdict: verdictStyle(result.verdict, palette) }),
      ...(noise?.grade === 'C' || noise?.grade === 'D' ? { noise: palette.doubtful } : {})
    }
  }
}

/** What a comparison of two commands shows of them. */
export function figureCells ({ row, reference, result }: ComparedRow, unit: TimeUnit | undefined, comparison: Comparison, notes: Notes): Record<'reference' | 'contender' | 'pairs' | 'smaller' | 'ratio' | 'verdict', string> {
  return {
    reference: valueText(reference, unit, comparison) + marks(reference, comparison, notes),
    contender: valueText(row, unit, comparison) + marks(row, comparison, notes),
    pairs: String(Math.min(row.samples.length, reference.samples.length)),
    smaller: result?.ratio == null ? '-' : percentText(Number(result.ratio.smaller.toFixed(2))),
    ratio: result?.ratio == null ? '-' : ratioWithInterval(result.ratio),
    verdict: result == null ? '-' : verdictWord(result.verdict, comparison.metric)
  }
}

/** Only remarks about what is compared. */
function marks (row: Row, { metric }: Comparison, notes: Notes): string {
  return metric === 'memory' ? notes.mark('memory', row) : notes.mark('median', row) + (metric === 'cpu' ? notes.mark('cpu', row) : '')
}

/** Why there is nothing to compare: one of the two has failed, or both. */
export function missingText ({ row, reference }: ComparedRow): string {
  const [failed, other] = reference.problem == null ? [row, reference] : [reference, row]
  const text = failed.problem == null ? '' : problemText(failed.problem)

  // Where it is the worker that failed, it matters little at which of them.
  return other.problem != null && problemText(other.problem) === text ? text : `${failed.title} ${text}`
}

/** `41.2 ms ± 0.4`, of what is compared. */
export function valueText (row: Row, unit: TimeUnit | undefined, { metric }: { metric: Metric }): string {
  const values = valuesOf(row, { metric })

  if (values == null || values.length === 0) {
    return '-'
  }

  const middle = median(values)

  if (metric === 'memory') {
    return formatBytes(middle)
  }

  const interval = medianIntervalOfSeries(values)

  return medianText({ median: middle, ...(interval == null ? {} : { interval }), min: middle, cpu: middle }, unit ?? unitFor(middle))
}
