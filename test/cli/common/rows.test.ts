import { describe, expect, it } from 'vitest'
import { type Column, renderRows } from '../../../src/cli/common/rows.ts'

interface Row { name: string, ms: number | null }

const COLUMNS: ReadonlyArray<Column<Row>> = [
  { heading: 'name', key: 'name', value: row => row.name },
  { heading: 'time', key: 'time_ms', value: row => row.ms, text: row => row.ms == null ? '' : `${row.ms} ms`, align: 'right' }
]
const ROWS: Row[] = [{ name: 'a|b, "c"', ms: 5 }, { name: '\u001b[2J', ms: null }]

describe('a list', () => {
  it('is a table for people', () => {
    expect(renderRows(ROWS, COLUMNS, 'table', 'nothing')).toBe('name      time\na|b, "c"  5 ms\n?[2J\n')
    expect(renderRows([], COLUMNS, 'table', 'nothing')).toBe('nothing\n')
  })

  it('is complete and exact for machines', () => {
    expect(JSON.parse(renderRows(ROWS, COLUMNS, 'json', ''))).toEqual([{ name: 'a|b, "c"', time_ms: 5 }, { name: '\u001b[2J', time_ms: null }])
    expect(renderRows(ROWS, COLUMNS, 'ndjson', '').split('\n').filter(line => line !== '').map(line => JSON.parse(line))).toHaveLength(2)
    expect(renderRows(ROWS.slice(0, 1), COLUMNS, 'csv', '')).toBe('name,time_ms\n"a|b, ""c""",5\n')
  })

  it('keeps its columns in Markdown', () => {
    expect(renderRows(ROWS.slice(0, 1), COLUMNS, 'markdown', '')).toBe('| name | time |\n| :--- | ---: |\n| a\\|b, "c" | 5 ms |\n')
  })
})
