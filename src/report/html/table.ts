import { html, type Html, type Value } from './markup.ts'

export interface TableColumn {
  title: string
  align?: 'right'
  /** Explains the title. */
  hint?: string
}

export interface TableCell {
  text: Value
  /** What it is sorted by, where that is not its text. */
  value?: number
  /** One of the classes of the style sheet. */
  look?: string
}

export interface TableRow {
  cells: Array<TableCell | Value>
  /** What the row is shown and hidden with. */
  worker?: number
  command?: number
  look?: string
  /** The last cell goes across all that are left. */
  spans?: boolean
}

/** A table that a script can sort, scrolled sideways where it is too wide; the first cell of a row is its head. */
export function table (label: string, columns: readonly TableColumn[], rows: readonly TableRow[]): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${columns.map(({ title, align, hint }) => html`<th scope="col"${align == null ? '' : html` class="r"`}${hint == null ? '' : html` title="${hint}"`}>${title}</th>`)}</tr></thead>
<tbody>
${rows.map(row => rowOf(row, columns))}</tbody></table></div>`
}

function rowOf ({ cells, worker, command, look, spans }: TableRow, columns: readonly TableColumn[]): Html {
  return html`<tr${worker == null ? '' : html` data-w="${worker}"`}${command == null ? '' : html` data-c="${command}"`}${look == null ? '' : html` class="${look}"`}>${cells.map((given, at) => {
    const { text, value, look } = cellOf(given)
    const isRight = columns[at]?.align != null && !(spans === true && at === cells.length - 1)
    const classes = [...isRight ? ['r'] : [], ...look == null ? [] : [look]].join(' ')
    const attributes = html`${classes === '' ? '' : html` class="${classes}"`}${value == null || !Number.isFinite(value) ? '' : html` data-n="${Number(value.toPrecision(9))}"`}${spans === true && at === cells.length - 1 ? html` colspan="${columns.length - at}"` : ''}`

    return at === 0 ? html`<th scope="row"${attributes}>${text}</th>` : html`<td${attributes}>${text}</td>`
  })}</tr>
`
}

function cellOf (given: TableCell | Value): TableCell {
  return typeof given === 'object' && given != null && 'text' in given ? given : { text: given as Value }
}
