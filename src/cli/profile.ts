import type { Command } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { isTaskEnd } from '../model/states.ts'
import { printable } from '../model/text.ts'
import { formatDuration, parseDuration } from '../model/units.ts'
import { readProfile } from '../library/profile.ts'
import { type Activity, activitiesOf } from '../report/activity.ts'
import { PROFILE_CSV_HEADING, profileCsvLine, profileNdjsonLine } from '../report/profile-csv.ts'
import { renderProfile } from '../report/profile-file.ts'
import { plainTime } from '../report/quantities.ts'
import { median } from '../stats/quantile.ts'
import type { ProfileChange } from '../model/profile.ts'
import type { Client } from '../roles/client/types.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { catchInterrupts } from './common/interrupts.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { renderRows, type Column } from './common/rows.ts'
import { writeAll } from './common/write.ts'

interface ProfileOptions extends ConnectionOptions, FormatOptions {
  since?: number
  job?: string
  follow?: boolean
}

interface SummaryRow {
  activity: Activity
  windowMs: number
}

const COLUMNS: ReadonlyArray<Column<SummaryRow>> = [
  { heading: 'worker', key: 'worker', value: ({ activity }) => activity.name },
  { heading: 'now', key: 'state', value: ({ activity }) => activity.state ?? '' },
  { heading: 'busy', key: 'busy', value: busyShare, text: row => `${Math.round(busyShare(row) * 100)} %`, align: 'right' },
  { heading: 'tasks', key: 'tasks', value: ({ activity: { tasks } }) => tasks.length, align: 'right' },
  { heading: 'failed', key: 'failed', value: ({ activity: { tasks } }) => tasks.filter(({ outcome }) => isTaskEnd(outcome) && outcome !== 'done').length, align: 'right' },
  { heading: 'median', key: 'median_ms', value: ({ activity: { tasks } }) => medianMs(tasks) ?? null, text: ({ activity: { tasks } }) => medianMs(tasks) == null ? '' : plainTime(medianMs(tasks)! * 1e6), align: 'right' },
  { heading: 'tasks/min', key: 'tasks_per_minute', value: ({ activity: { tasks }, windowMs }) => windowMs > 0 ? tasks.length / windowMs * 60_000 : 0, text: ({ activity: { tasks }, windowMs }) => windowMs > 0 ? (tasks.length / windowMs * 60_000).toFixed(1) : '', align: 'right' }
]

export function define (command: Command, context: Context): void {
  command
    .option('--since <duration>', 'so far back: 10m, 2h (default: all that the master keeps, a day at most)', text => parseDuration(text, '--since'))
    .option('--job <job>', 'only what ran for this job: an id or its end, a --name, or @last')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .addOption(formatOption())
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark profile --since 10m', 'how busy each worker was'],
    ['meshmark profile --follow', 'every change as it comes'],
    ['meshmark profile --format json > day.json', 'every change, for meshmark plot --profile day.json'],
    ['meshmark profile --job @last --format csv', 'when each task of the last job ran, and where']
  ], `
Each master keeps what it saw of its workers: a day, and 100,000 changes at most; a master that
is started anew begins anew. The table sums up; json, ndjson and csv have every change: the states
of all workers, and the executions that have ended. Those of other clients have no job and no task.`)

  command.action(async (options: ProfileOptions) => {
    await withClient(options, async client => {
      await (options.follow === true ? follow(client, options, context) : once(client, options, context))
    })
  })
}

async function once (client: Client, { since, job, format }: ProfileOptions, context: Context): Promise<void> {
  const profile = await readProfile(client, { withinMs: since, job })
  const { changes } = profile
  const width = context.stdout.columns || undefined

  switch (format) {
    case 'json':
      return writeAll(context.stdout, renderProfile(profile))
    case 'ndjson':
      return writeAll(context.stdout, changes.map(profileNdjsonLine).join(''))
    case 'csv':
      return writeAll(context.stdout, PROFILE_CSV_HEADING + changes.map(profileCsvLine).join(''))
    default: {
      const windowMs = profile.untilMs - profile.fromMs
      const rows = activitiesOf(changes, profile).map(activity => ({ activity, windowMs }))

      await writeAll(context.stdout, renderRows(rows, COLUMNS, format, job == null ? 'no worker has been here in that time' : 'nothing of this job has ended in that time', width))

      if (format === 'table' && rows.length > 0) {
        await writeAll(context.stdout, `${formatDuration(windowMs)} until ${new Date(profile.untilMs).toISOString()}\n`)
      }
    }
  }
}

async function follow (client: Client, { since, job, format }: ProfileOptions, context: Context): Promise<void> {
  const interrupts = catchInterrupts(context.signals)
  let first = true

  try {
    for await (const { changes } of client.profile({ follow: true, signal: interrupts.detached, ...(since == null ? {} : { withinMs: Math.round(since) }), ...(job == null ? {} : { job }) })) {
      for (const change of changes) {
        await writeAll(context.stdout, format === 'csv' ? (first ? PROFILE_CSV_HEADING : '') + profileCsvLine(change) : format === 'table' || format === 'markdown' ? words(change) : profileNdjsonLine(change))
        first = false
      }
    }
  } catch (err) {
    if (!interrupts.detached.aborted) {
      throw err
    }

    context.exitCode = interrupts.exitCode()
  } finally {
    interrupts.stop()
  }
}

/** `21:40:12.503  lab-01  done after 3.02 s  q7x2m9ka`. */
function words (change: ProfileChange): string {
  const time = new Date(change.atMs).toTimeString().slice(0, 8)
  const name = printable(change.workerName, 60)

  return change.kind === 'state'
    ? `${time}  ${name}  ${change.state}\n`
    : `${time}  ${name}  ${change.outcome} after ${plainTime((change.endedAtMs - change.startedAtMs) * 1e6)}  ${change.job == null ? 'somebody' : shortJobId(change.job)}\n`
}

function busyShare ({ activity: { busyMs }, windowMs }: SummaryRow): number {
  return windowMs > 0 ? Math.min(1, busyMs / windowMs) : 0
}

function medianMs (tasks: Activity['tasks']): number | undefined {
  return tasks.length === 0 ? undefined : median(tasks.map(({ fromMs, untilMs }) => untilMs - fromMs))
}
