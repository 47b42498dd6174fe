import { formatBytes } from '../../model/units.ts'
import { median } from '../../stats/quantile.ts'
import { figureCells, missingText, titles, unitOf } from '../comparison-table.ts'
import { verdictWord } from '../comparison-words.ts'
import { commonUnit, cpuText, medianText, timeDecimals, timeText, unitFor } from '../quantities.ts'
import { referenceOf, relativeText } from '../relative.ts'
import { problemText } from '../rows.ts'
import { valuesOf } from '../comparison.ts'
import { html, type Html, type Value } from './markup.ts'
import { table, type TableColumn, type TableRow } from './table.ts'
import type { Comparison } from '../../model/comparison.ts'
import type { FinishedWorker } from '../../model/finished.ts'
import type { NoiseGrade } from '../../model/noise.ts'
import type { ComparedRow } from '../comparison.ts'
import type { Notes } from '../notes.ts'
import type { Figures, Row } from '../rows.ts'

/** Rows of one table; the data has them all. */
export const MAX_ROWS = 500

/** Numbers which notes are linked by: more of them are no list to read. */
export const MAX_NOTES = 150

/** Which worker's rows they are, for what is shown and hidden. */
export type NumberOf = (worker: FinishedWorker) => number

/** What `meshmark show` shows, each worker and command a row. */
export function resultsTable (rows: readonly Row[], commands: number, notes: Notes, numberOf: NumberOf): Html {
  const times = rows.flatMap(({ figures }) => figures == null ? [] : [figures.median])
  const unit = times.length === 0 ? undefined : commonUnit(times)
  const has = {
    relative: rows.some(row => row.figures != null && referenceOf(row, rows, commands) != null),
    noise: rows.some(({ worker }) => worker.result?.noise != null),
    memory: rows.some(({ figures, result }) => figures != null && result?.memoryBytes != null)
  }
  const columns: TableColumn[] = [
    { title: 'Worker' },
    { title: 'Processor' },
    ...commands > 1 ? [{ title: 'Command' }] : [],
    { title: 'Runs', align: 'right' },
    { title: 'Median ± 95 %', align: 'right', hint: 'of the time by the clock; the interval is given from six runs on' },
    { title: 'Fastest', align: 'right' },
    { title: 'CPU time', align: 'right', hint: 'of all processes of a run together, the median' },
    ...has.memory ? [{ title: 'Memory', align: 'right' as const, hint: 'the peak' }] : [],
    ...has.noise ? [{ title: 'Noise', hint: 'how quiet the machine was, A to D' }] : [],
    ...has.relative ? [{ title: 'Relative', align: 'right' as const, hint: commands === 1 ? 'to the fastest worker' : 'to the fastest command on the same worker' }] : []
  ]

  return table('Results', columns, rows.slice(0, MAX_ROWS).map(row => {
    const who = [
      html`${row.name}${marks(notes.mark('worker', row))}`,
      row.cpu,
      ...commands > 1 ? [commandCell(row)] : []
    ]

    return row.figures == null
      ? { ...ofRow(row, numberOf), look: 'failed', spans: true, cells: [...who, row.problem == null ? '' : problemText(row.problem)] }
      : { ...ofRow(row, numberOf), cells: [...who, ...figuresOf(row, row.figures, unit ?? unitFor(row.figures.median), has, referenceOf(row, rows, commands), notes)] }
  }))
}

function figuresOf (row: Row, figures: Figures, unit: ReturnType<typeof unitFor>, has: Record<'relative' | 'noise' | 'memory', boolean>, reference: Figures | undefined, notes: Notes): TableRow['cells'] {
  const memory = row.result?.memoryBytes

  return [
    { text: row.samples.length.toLocaleString('en'), value: row.samples.length },
    { text: html`${medianText(figures, unit)}${marks(notes.mark('median', row))}`, value: figures.median },
    { text: timeText(figures.min, unit, timeDecimals(figures, unit)), value: figures.min },
    { text: html`${cpuText(figures, unit)}${marks(notes.mark('cpu', row))}`, value: figures.cpu },
    ...has.memory ? [{ text: memory == null ? '–' : html`${formatBytes(memory)}${marks(notes.mark('memory', row))}`, value: memory }] : [],
    ...has.noise ? [noiseCell(row, notes)] : [],
    ...has.relative ? [{ text: reference == null ? '' : relativeText(figures, reference), value: reference == null ? undefined : figures.median / reference.median, ...figures === reference ? { look: 'best' } : {} }] : []
  ]
}

/** Each contender beside the first command, on each worker. */
export function comparisonTable (rows: readonly ComparedRow[], comparison: Comparison, several: boolean, notes: Notes, numberOf: NumberOf): Html {
  const unit = unitOf(rows, comparison)
  const heads = titles(rows[0], several)
  const columns: TableColumn[] = [
    { title: 'Worker' },
    { title: 'Processor' },
    ...several ? [{ title: 'Command' }] : [],
    { title: heads[0], align: 'right' },
    { title: heads[1], align: 'right' },
    { title: 'Pairs', align: 'right', hint: 'of runs next to each other, in random order' },
    { title: `${capital(verdictWord('faster', comparison.metric))} in`, align: 'right', hint: 'share of the pairs' },
    { title: 'Ratio ± 95 %', align: 'right' },
    { title: 'Verdict' },
    { title: 'Noise', hint: 'how quiet the machine was, A to D' }
  ]

  return table('Comparison', columns, rows.slice(0, MAX_ROWS).map(compared => {
    const { row, reference, result } = compared
    const who = [html`${row.name}${marks(notes.mark('worker', row))}`, row.cpu, ...several ? [commandCell(row)] : []]

    if (result == null) {
      return { ...ofRow(row, numberOf), look: 'failed', spans: true, cells: [...who, missingText(compared)] }
    }

    const cells = figureCells(compared, unit, comparison, notes)
    const middle = (one: Row): number | undefined => {
      const values = valuesOf(one, comparison)

      return values == null || values.length === 0 ? undefined : median(values)
    }

    return {
      ...ofRow(row, numberOf),
      cells: [
        ...who,
        { text: marked(cells.reference), value: middle(reference) },
        { text: marked(cells.contender), value: middle(row) },
        { text: cells.pairs, value: Number(cells.pairs) },
        { text: cells.smaller, value: result.ratio?.smaller },
        { text: cells.ratio, value: result.ratio?.ratio },
        { text: cells.verdict, look: `v-${result.verdict} verdict-word` },
        noiseCell(row, notes)
      ]
    }
  }))
}

function ofRow (row: Row, numberOf: NumberOf): Pick<TableRow, 'worker' | 'command'> {
  return { worker: numberOf(row.worker), command: row.command }
}

function commandCell (row: Row): Html {
  return html`<code>${row.title.length > 200 ? `${row.title.slice(0, 199)}…` : row.title}</code>`
}

function noiseCell (row: Row, notes: Notes): TableRow['cells'][number] {
  const { noise } = row.worker.result ?? {}

  return noise == null ? '–' : { text: html`${grade(noise.grade)}${marks(notes.mark('noise', row))}`, value: 'ABCD'.indexOf(noise.grade) }
}

export function grade (letter: NoiseGrade): Html {
  return html`<span class="grade g-${letter}">${letter}</span>`
}

/** ` (1) (2)` as links to what they say. */
export function marks (text: string): Value {
  return [...text.matchAll(/\((\d+)\)/g)].map(([, number]) => Number(number) <= MAX_NOTES ? html`<sup><a href="#note-${number}">${number}</a></sup>` : '')
}

/** The same behind the text that they belong to. */
function marked (text: string): Html {
  const at = text.search(/(?: \(\d+\))+$/)

  return at < 0 ? html`${text}` : html`${text.slice(0, at)}${marks(text.slice(at))}`
}

function capital (word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`
}
