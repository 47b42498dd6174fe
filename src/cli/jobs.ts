import { type Command, Option } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { parseCount, parseDuration } from '../model/units.ts'
import type { JobState } from '../model/states.ts'
import type { JobFilter, JobRow } from '../node/protocol/submit/messages.ts'
import { oneLine } from '../report/rows.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { formatAge, renderRows, type Column } from './common/rows.ts'
import { writeAll } from './common/write.ts'

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

const STATES: readonly JobState[] = ['queued', 'running', 'finished', 'cancelled']

interface JobsOptions extends ConnectionOptions, FormatOptions {
  limit: number
  state?: JobState
  since?: number
  name?: string
  kind?: 'run' | 'exec'
  failed?: boolean
}

function filterOf ({ state, since, name, kind, failed }: JobsOptions): JobFilter {
  return {
    ...(state == null ? {} : { state }),
    ...(since == null ? {} : { withinMs: Math.round(since) }),
    ...(name == null ? {} : { name }),
    ...(kind == null ? {} : { jobKind: kind }),
    ...(failed == null ? {} : { failed })
  }
}

export function define (command: Command, context: Context): void {
  command
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--since <duration>', 'only those that were accepted no longer ago than this: 2h, 7d', text => parseDuration(text, '--since'))
    .option('--name <name>', 'only those of this --name; * stands for any characters')
    .addOption(new Option('--kind <kind>', 'only what was measured (run), or handed out (exec)').choices(['run', 'exec']))
    .option('--failed', 'only those of which a task did not end well')
    .option('--limit <n>', 'at most so many', text => parseCount(text, '--limit'), 20)
    .addOption(formatOption())
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark jobs', 'the last 20'],
    ['meshmark jobs --state running', 'what goes on'],
    ['meshmark jobs --failed --since 1d', 'what went wrong today'],
    ["meshmark jobs --name 'nightly-*' --limit 100 --format csv", 'for a spreadsheet']
  ])

  command.action(async (options: JobsOptions) => {
    const filter = filterOf(options)

    await withClient(options, async client => {
      const rows = (await client.jobs(options.limit, filter)).sort((a, b) => b.acceptedAt - a.acceptedAt)
      const { format } = options
      const columns = format === 'table' || format === 'markdown' ? COLUMNS : [...COLUMNS, ...MACHINE_COLUMNS]

      await writeAll(context.stdout, renderRows(rows, columns, format, Object.keys(filter).length > 0 ? 'no such jobs' : 'no jobs yet: meshmark run ./program submits one', context.stdout.columns || undefined))
    })
  })
}
