import type { Command } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { parseCount } from '../model/units.ts'
import type { JobRow } from '../node/protocol/submit/messages.ts'
import { oneLine } from '../report/rows.ts'
import { withClient } from './connect.ts'
import type { Context } from './context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './options.ts'
import { formatAge, renderRows, type Column } from './rows.ts'
import { writeAll } from './write.ts'

const COLUMNS: ReadonlyArray<Column<JobRow>> = [
  { heading: 'job', key: 'id', value: row => row.id, text: row => shortJobId(row.id) },
  { heading: 'name', key: 'name', value: row => row.name ?? null },
  { heading: 'kind', key: 'kind', value: row => row.kind },
  { heading: 'state', key: 'state', value: row => row.state },
  { heading: 'done', key: 'ended', value: row => row.ended, text: row => `${row.ended}/${row.tasks}`, align: 'right' },
  { heading: 'failed', key: 'failed', value: row => row.failed, align: 'right' },
  { heading: 'accepted', key: 'accepted_at', value: row => new Date(row.acceptedAt).toISOString(), text: row => `${formatAge(Date.now() - row.acceptedAt)} ago` },
  { heading: 'command', key: 'command', value: row => row.title, text: row => oneLine(row.title), shrinkTo: 16 }
]

const MACHINE_COLUMNS: ReadonlyArray<Column<JobRow>> = [
  { heading: 'tasks', key: 'tasks', value: row => row.tasks },
  { heading: 'finished', key: 'finished_at', value: row => row.finishedAt == null ? null : new Date(row.finishedAt).toISOString() },
  { heading: 'mine', key: 'mine', value: row => row.mine }
]

export function define (command: Command, context: Context): void {
  command.option('--limit <n>', 'at most so many', text => parseCount(text, '--limit'), 20)
    .addOption(formatOption())
  addConnectionOptions(command)
  addExamples(command, [['meshmark jobs', 'the last 20']])

  command.action(async (options: ConnectionOptions & FormatOptions & { limit: number }) => {
    await withClient(options, async client => {
      const rows = (await client.jobs(options.limit)).sort((a, b) => b.acceptedAt - a.acceptedAt)
      const { format } = options
      const columns = format === 'table' || format === 'markdown' ? COLUMNS : [...COLUMNS, ...MACHINE_COLUMNS]

      await writeAll(context.stdout, renderRows(rows, columns, format, 'no jobs yet: meshmark run ./program submits one', context.stdout.columns || undefined))
    })
  })
}
