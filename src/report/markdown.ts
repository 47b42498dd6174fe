import { formatBytes } from '../model/units.ts'
import { comparisonMarkdown } from './comparison-markdown.ts'
import { code, escape } from './markup.ts'
import { Notes } from './notes.ts'
import { outputLines } from './output-facts.ts'
import { commonUnit, cpuText, medianText, timeDecimals, timeText, unitFor } from './quantities.ts'
import { referenceOf, relativeText } from './relative.ts'
import { problemText, rowsOf } from './rows.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Row } from './rows.ts'

/** A table for a README or an issue: every row, in the job's order, with what was printed and the notes below it. */
export function renderMarkdown (finished: FinishedJob): string {
  const rows = rowsOf(finished)
  const notes = new Notes(rows, finished)

  if (finished.job.comparison != null) {
    const { table, below } = comparisonMarkdown(rows, finished, notes)

    return page(table, [...below, ...outputLines(rows, finished.job.commands.length), ...notes.lines()])
  }

  const times = rows.flatMap(row => row.figures == null ? [] : [row.figures.median])
  const common = times.length === 0 ? undefined : commonUnit(times)

  const lines = rows.map(row => {
    const who = [`\`${code(row.title)}\``, escape(row.name) + notes.mark('worker', row), escape(row.cpu)]

    return row.figures == null
      ? [...who, '', escape(row.problem == null ? '' : problemText(row.problem)), '', '', '', '', '']
      : [...who, ...figureCells(row, row.figures, rows, finished, common, notes)]
  })

  return page([
    '| Command | Worker | CPU | Runs | Median ± 95 % | Min | CPU time | Memory | Noise | Relative |',
    '|:---|:---|:---|---:|---:|---:|---:|---:|:---|---:|',
    ...lines.map(cells => `| ${cells.join(' | ')} |`)
  ], [...outputLines(rows, finished.job.commands.length), ...notes.lines()])
}

function page (table: readonly string[], below: readonly string[]): string {
  return [...table, ...(below.length === 0 ? [] : ['', ...below.map(line => `${escape(line)}  `.trimEnd())])].join('\n') + '\n'
}

function figureCells (row: Row, figures: NonNullable<Row['figures']>, rows: readonly Row[], finished: FinishedJob, common: ReturnType<typeof commonUnit>, notes: Notes): string[] {
  const unit = common ?? unitFor(figures.median)
  const decimals = timeDecimals(figures, unit)
  const reference = referenceOf(row, rows, finished.job.commands.length)
  const noise = row.worker.result?.noise
  const memory = row.result?.memoryBytes

  return [
    String(row.samples.length),
    medianText(figures, unit) + notes.mark('median', row),
    timeText(figures.min, unit, decimals),
    cpuText(figures, unit) + notes.mark('cpu', row),
    memory == null ? '-' : formatBytes(memory) + notes.mark('memory', row),
    noise == null ? '-' : noise.grade + notes.mark('noise', row),
    reference == null ? '' : relativeText(figures, reference)
  ]
}
