import { shortJobId } from '../model/ids.ts'
import { commandTitle } from '../model/job.ts'
import { isTaskEnd } from '../model/states.ts'
import { counted, printable } from '../model/text.ts'
import { formatBytes } from '../model/units.ts'
import { paletteFor } from './colour.ts'
import { layOut } from './columns.ts'
import { comparisonLines } from './comparison-table.ts'
import { detailLines } from './details.ts'
import { GROUPED_ABOVE, renderGroups } from './groups.ts'
import { Notes } from './notes.ts'
import { outputLines } from './output-facts.ts'
import { commonUnit, cpuText, medianText, timeDecimals, timeText, unitFor } from './quantities.ts'
import { referenceOf, relativeText } from './relative.ts'
import { oneLine, problemText, rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Palette } from './colour.ts'
import type { Column, Line } from './columns.ts'
import type { TimeUnit } from './quantities.ts'
import type { Figures, Row } from './rows.ts'

export interface TableOptions {
  colour: boolean
  /** Columns of the terminal. */
  width: number
  /** A row for every worker however many there are. */
  allRows?: boolean
  /** Below the table all that is known of each worker and command. */
  details?: boolean
}

/**
 * The screen of a finished job: a heading, a row for every targeted worker and
 * command, what they printed, and notes. Above 20 workers those that are well
 * are grouped by processor, unless all rows are asked for. Ends in a newline.
 */
export function renderTable (finished: FinishedJob, options: TableOptions): string {
  const palette = paletteFor(options.colour)
  const rows = sorted(rowsOf(finished), finished.job.commands.length)
  const notes = new Notes(rows, finished)
  const compared = finished.job.comparison != null
  const body = compared
    ? comparisonLines(rows, finished, options, palette, notes)
    : finished.workers.length > GROUPED_ABOVE && options.allRows !== true
      ? renderGroups(rows, finished, options.width, palette, some => renderRows(some, rows, finished, options.width, palette, notes))
      : renderRows(rows, rows, finished, options.width, palette, notes)

  return [
    heading(finished, palette),
    ...body,
    ...outputLines(rows, finished.job.commands.length),
    ...(!compared && finished.job.commands.length > 1 && rows.some(row => row.figures != null && referenceOf(row, rows, finished.job.commands.length) != null) ? [palette.faint('relative: to the fastest command on the same worker')] : []),
    ...notes.lines(),
    ...(options.details === true ? detailLines(rows, palette) : [])
  ].join('\n') + '\n'
}

function heading ({ job, workers, startSkewNs }: FinishedJob, palette: Palette): string {
  const [first, second, ...others] = job.commands.map(command => printable(oneLine(commandTitle(command)), 80))
  const title = first == null || second == null
    ? first ?? 'no command'
    : job.comparison == null ? `${job.commands.length} commands` : `${others.length === 0 ? second : `${job.commands.length - 1} commands`} against ${first}`
  const done = workers.filter(worker => worker.state === 'done').length
  const skew = startSkewNs == null || workers.length < 2 ? [] : [`start skew ${skewText(startSkewNs)}`]
  const name = job.name == null ? '' : ` (${printable(job.name, 60)})`

  return palette.title([title, `${done} of ${counted(workers.length, 'worker')}`, ...skew, `job ${shortJobId(job.id)}${name}`].join(' · '))
}

/** In milliseconds, whatever it is: readers know what a millisecond of skew means. */
function skewText (ns: number): string {
  const ms = ns / 1e6

  return `${ms.toFixed(ms < 0.095 ? 2 : ms < 9.5 ? 1 : 0)} ms`
}

/** The fastest worker first and those without figures last; the commands of one worker stay together, in their own order. */
export function sorted (rows: readonly Row[], commands: number): Row[] {
  const speed = (row: Row): number => rows.find(other => other.worker === row.worker && other.figures != null)?.figures?.median ?? Infinity

  return rows
    .map(row => ({ row, at: commands === 1 ? row.figures?.median ?? Infinity : speed(row) }))
    .sort((a, b) => a.at === b.at ? compareNames(a.row, b.row) || a.row.command - b.row.command : a.at < b.at ? -1 : 1)
    .map(({ row }) => row)
}

/** lab-2 before lab-10. */
const collator = new Intl.Collator('en', { numeric: true })

function compareNames (a: Row, b: Row): number {
  return collator.compare(a.name, b.name) || collator.compare(a.worker.task, b.worker.task)
}

const COLUMNS: Column[] = [
  { key: 'worker', title: 'worker', align: 'left', shrinkTo: 12 },
  { key: 'cpu', title: 'cpu', align: 'left', shrinkTo: 14, drop: 1 },
  { key: 'command', title: 'command', align: 'left', shrinkTo: 16 },
  { key: 'runs', title: 'runs', align: 'right' },
  { key: 'median', title: 'median ± 95 %', align: 'right' },
  { key: 'min', title: 'min', align: 'right', drop: 2 },
  { key: 'cpuTime', title: 'cpu time', align: 'right', drop: 4 },
  { key: 'memory', title: 'memory', align: 'right', drop: 3 },
  { key: 'noise', title: 'noise', align: 'left' },
  { key: 'relative', title: 'relative', align: 'left' }
]

/** When nothing was measured, what happened takes the place of the figures. */
const COLUMNS_WITHOUT_FIGURES: Column[] = [
  ...COLUMNS.filter(({ key }) => key === 'worker' || key === 'cpu' || key === 'command'),
  { key: 'result', title: 'result', align: 'left' }
]

/** `shown` of all `rows`, as lines of a table. */
function renderRows (shown: readonly Row[], rows: readonly Row[], finished: FinishedJob, width: number, palette: Palette, notes: Notes): string[] {
  const commands = finished.job.commands.length
  const times = shown.flatMap(row => row.figures == null ? [] : [row.figures.median])
  const unit = times.length === 0 ? undefined : commonUnit(times)
  const anything = {
    relative: shown.some(row => row.figures != null && referenceOf(row, rows, commands) != null),
    noise: shown.some(row => row.worker.result?.noise != null),
    memory: shown.some(row => row.figures != null && row.result?.memoryBytes != null)
  }

  const columns = (times.length === 0 ? COLUMNS_WITHOUT_FIGURES : COLUMNS).filter(({ key }) => (key !== 'command' || commands > 1) && anything[key as keyof typeof anything] !== false)
  const lines = shown.map((row, i) => lineOf(row, rows, finished, shown[i - 1]?.worker !== row.worker, times.length === 0 ? 'result' : 'runs', unit, palette, notes))

  return layOut(columns, lines, width, palette.faint)
}

function lineOf (row: Row, rows: readonly Row[], finished: FinishedJob, first: boolean, spanFrom: string, common: TimeUnit | undefined, palette: Palette, notes: Notes): Line {
  const who = {
    // Of several commands only the first names the worker.
    worker: first ? row.name + notes.mark('worker', row) : '',
    cpu: first ? row.cpu : '',
    command: row.title
  }

  if (row.figures == null) {
    return {
      cells: who,
      span: { from: spanFrom, text: row.problem == null ? '' : problemText(row.problem) },
      style: row.problem != null && isTaskEnd(row.problem.state) ? palette.failed : palette.faint
    }
  }

  return figuresLine(row, row.figures, who, rows, finished, common ?? unitFor(row.figures.median), palette, notes)
}

function figuresLine (row: Row, figures: Figures, who: Record<string, string>, rows: readonly Row[], finished: FinishedJob, unit: TimeUnit, palette: Palette, notes: Notes): Line {
  const commands = finished.job.commands.length
  const decimals = timeDecimals(figures, unit)
  const reference = referenceOf(row, rows, commands)
  const noise = row.worker.result?.noise
  const memory = row.result?.memoryBytes

  return {
    cells: {
      ...who,
      runs: String(row.samples.length),
      median: medianText(figures, unit) + notes.mark('median', row),
      min: timeText(figures.min, unit, decimals),
      cpuTime: cpuText(figures, unit) + notes.mark('cpu', row),
      memory: memory == null ? '-' : formatBytes(memory) + notes.mark('memory', row),
      noise: noise == null ? '-' : noise.grade + notes.mark('noise', row),
      relative: reference == null ? '' : relativeText(figures, reference)
    },
    styles: {
      ...(figures === reference ? { relative: palette.best } : {}),
      ...(noise?.grade === 'C' || noise?.grade === 'D' ? { noise: palette.doubtful } : {})
    }
  }
}
