import Table from 'cli-table3'
import type { Format } from './options.ts'

/** A column: its heading for people, its key for machines, and how a row fills it. */
export interface Column<Row> {
  heading: string
  key: string
  /** For machines: numbers stay numbers. */
  value: (row: Row) => string | number | boolean | null
  /** For people; the value itself when absent. */
  text?: (row: Row) => string
  align?: 'right'
}

/** A list in any format. `empty` is what the table says of no rows at all. */
export function renderRows<Row> (rows: readonly Row[], columns: ReadonlyArray<Column<Row>>, format: Format, empty: string): string {
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
      return rows.length === 0 ? `${empty}\n` : `${renderTable(rows, columns)}\n`
  }
}

function renderTable<Row> (rows: readonly Row[], columns: ReadonlyArray<Column<Row>>): string {
  const table = new Table({
    head: columns.map(({ heading }) => heading),
    chars: Object.fromEntries(['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'].map(name => [name, ''])),
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colAligns: columns.map(({ align }) => align ?? 'left')
  })

  table.push(...rows.map(row => columns.map(column => text(column, row))))

  return table.toString().split('\n').map(line => line.trimEnd()).join('\n')
}

function text<Row> (column: Column<Row>, row: Row): string {
  return column.text?.(row) ?? String(column.value(row) ?? '')
}

function record<Row> (row: Row, columns: ReadonlyArray<Column<Row>>): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ key, value }) => [key, value(row)]))
}

/** RFC 4180. */
function quoteCsv (cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
