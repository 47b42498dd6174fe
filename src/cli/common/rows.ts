import { printable } from '../../model/text.ts'
import { formatDuration } from '../../model/units.ts'
import { layOut } from '../../report/columns.ts'
import type { Format } from './options.ts'

/** A column: its heading for people, its key for machines, and how a row fills it. */
export interface Column<Row> {
  heading: string
  key: string
  /** For machines: numbers stay numbers. */
  value: (row: Row) => string | number | boolean | null
  /** In JSON, where a value may have parts; the value itself when absent. */
  json?: (row: Row) => unknown
  /** For people; the value itself when absent. */
  text?: (row: Row) => string
  align?: 'right'
  /** May be cut down to this width when the lines are too long. */
  shrinkTo?: number
  /** May be left out when that is not enough; the lowest number goes first. */
  drop?: number
}

/** How long ago or since when: in whole seconds, and by clocks that may differ a little. */
export function formatAge (ms: number): string {
  return ms < 1_000 ? '0 s' : formatDuration(Math.floor(ms / 1_000) * 1_000)
}

const MAX_CELL = 200
/** A pipe has no width; nothing is cut there. */
const PIPE_WIDTH = 10_000

/** A list in any format. `empty` is what the table says of no rows at all. */
export function renderRows<Row> (rows: readonly Row[], columns: ReadonlyArray<Column<Row>>, format: Format, empty: string, width = PIPE_WIDTH): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(rows.map(row => record(row, columns)), undefined, 2)}\n`
    case 'ndjson':
      return rows.map(row => `${JSON.stringify(record(row, columns))}\n`).join('')
    case 'csv':
      return [columns.map(({ key }) => key), ...rows.map(row => columns.map(({ value }) => String(value(row) ?? '')))]
        .map(cells => `${cells.map(quoteCsv).join(',')}\n`).join('')
    case 'markdown':
      return [columns.map(({ heading }) => heading), columns.map(({ align }) => align === 'right' ? '---:' : ':---'), ...rows.map(row => columns.map(column => text(column, row)))]
        .map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('')
    case 'table':
      return rows.length === 0 ? `${empty}\n` : `${renderTable(rows, columns, width)}\n`
  }
}

function renderTable<Row> (rows: readonly Row[], columns: ReadonlyArray<Column<Row>>, width: number): string {
  return layOut(
    columns.map(({ key, heading, align, shrinkTo, drop }) => ({ key, title: heading, align: align ?? 'left', shrinkTo, drop })),
    rows.map(row => ({ cells: Object.fromEntries(columns.map(column => [column.key, text(column, row)])) })),
    width,
    title => title
  ).join('\n')
}

/** Names and titles come from other machines; a terminal must not obey them. */
function text<Row> (column: Column<Row>, row: Row): string {
  return printable(column.text?.(row) ?? String(column.value(row) ?? ''), MAX_CELL)
}

function record<Row> (row: Row, columns: ReadonlyArray<Column<Row>>): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ key, value, json = value }) => [key, json(row)]))
}

/** RFC 4180. */
function quoteCsv (cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
