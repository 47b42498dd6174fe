import { shortJobId } from '../model/ids.ts'
import { commandTitle } from '../model/job.ts'
import { parseMapTask } from '../model/map.ts'
import { TASK_ENDS } from '../model/states.ts'
import { entryOf } from '../model/task-commands.ts'
import { printable } from '../model/text.ts'
import { paletteFor } from './colour.ts'
import { layOut } from './columns.ts'
import { escape } from './markup.ts'
import { plainTime } from './quantities.ts'
import { oneLine, problemText, rowsOf } from './rows.ts'
import type { FinishedJob, FinishedWorker } from '../model/finished.ts'
import type { Job } from '../model/job.ts'
import type { Column, Line } from './columns.ts'
import type { Row } from './rows.ts'

/** More rows than these are told as one for each worker, and those that failed. */
const LISTED_ABOVE = 100
const MAX_TITLE = 60

const COLUMNS: readonly Column[] = [
  { key: 'worker', title: 'worker', align: 'left', shrinkTo: 8 },
  { key: 'number', title: '#', align: 'right' },
  { key: 'command', title: 'command', align: 'left', shrinkTo: 12 },
  { key: 'restarts', title: 'restarts', align: 'right', drop: 1 },
  { key: 'time', title: 'time', align: 'right', drop: 2 },
  { key: 'exit', title: 'exit', align: 'right' },
  { key: 'end', title: 'end', align: 'left', shrinkTo: 16 }
]

/** One entry of a worker's list, as a person counts it. */
export interface MapRow {
  worker: FinishedWorker
  name: string
  /** From 1 on, over all lists of this worker. */
  number: number
  of: number
  command: string
  restarts: number
  /** Of the last run. */
  wallNs?: number
  exit?: string
  end: string
  failed: boolean
}

/** Workers by name, their entries in the order in which they are done. */
export function mapRows (finished: FinishedJob): MapRow[] {
  const rows = new Map(rowsOf(finished).map(row => [row.worker, row]))

  return byWorker(finished).flatMap(tasks => tasks.map((worker, index) => rowOf(rows.get(worker), worker, index + 1, tasks.length, finished.job)))
}

function byWorker ({ workers }: FinishedJob): FinishedWorker[][] {
  const lists = new Map<string, FinishedWorker[]>()

  for (const task of [...workers].sort((a, b) => inListOrder(a.task, b.task))) {
    const { worker } = parseMapTask(task.task)

    lists.set(worker, [...lists.get(worker) ?? [], task])
  }

  return [...lists.values()].sort(([a], [b]) => a!.info.name.localeCompare(b!.info.name, 'en', { numeric: true }))
}

/** Tasks of one worker as they are done. */
export function inListOrder (a: string, b: string): number {
  const [first, second] = [parseMapTask(a), parseMapTask(b)]

  return first.list - second.list || first.entry - second.entry
}

function rowOf (row: Row | undefined, worker: FinishedWorker, number: number, of: number, job: Job): MapRow {
  const sample = row?.samples.at(-1)
  const command = job.commands[entryOf(job, worker.task).command]

  return {
    worker,
    name: printable(worker.info.name, 60),
    number,
    of,
    command: printable(oneLine(command == null ? '' : commandTitle(command)), MAX_TITLE),
    restarts: worker.result?.key.attempt ?? 0,
    ...(sample == null ? {} : { wallNs: sample.wallNs, exit: sample.exit.kind === 'code' ? String(sample.exit.code) : printable(sample.exit.signal, 20) }),
    end: row?.problem == null ? worker.state : problemText(row.problem),
    failed: worker.state !== 'done'
  }
}

/**
 * The screen of a map: how many commands ended how, and a line for each
 * command of each worker; of many only those that failed, and a line for each
 * worker, unless all are asked for. Ends in a newline.
 */
export function renderMap (finished: FinishedJob, { colour, width, allRows = false }: { colour: boolean, width: number, allRows?: boolean }): string {
  const palette = paletteFor(colour)
  const rows = mapRows(finished)
  const isShort = rows.length > LISTED_ABOVE && !allRows
  const lines = isShort ? [...workerLines(rows), ...rows.filter(({ failed }) => failed).slice(0, LISTED_ABOVE).map(lineOf)] : rows.map(lineOf)

  return `${[
    mapHeading(finished, rows),
    ...layOut(COLUMNS, lines.map(({ failed, ...line }) => failed ? { ...line, style: palette.failed } : line), width, palette.faint),
    ...(isShort ? [palette.faint(`of ${rows.length} commands those that failed, up to ${LISTED_ABOVE}; all of them: --all-rows`)] : [])
  ].join('\n')}\n`
}

/** A table for a document, with every row. */
export function renderMapMarkdown (finished: FinishedJob): string {
  const rows = mapRows(finished)
  const cells = [
    COLUMNS.map(({ title }) => title),
    COLUMNS.map(({ align }) => align === 'right' ? '---:' : ':---'),
    ...rows.map(lineOf).map(({ cells }) => COLUMNS.map(({ key }) => escape(cells[key] ?? '')))
  ]

  return `${escape(mapHeading(finished, rows))}\n\n${cells.map(line => `| ${line.join(' | ')} |\n`).join('')}`
}

function lineOf (row: MapRow): Line & { failed: boolean } {
  return {
    failed: row.failed,
    cells: {
      worker: row.name,
      number: String(row.number),
      command: row.command,
      restarts: row.restarts === 0 ? '' : String(row.restarts),
      time: row.wallNs == null ? '' : plainTime(row.wallNs),
      exit: row.exit ?? '',
      end: row.end
    }
  }
}

function workerLines (rows: readonly MapRow[]): Array<Line & { failed: boolean }> {
  const lists = new Map<string, MapRow[]>()

  for (const row of rows) {
    const { worker } = parseMapTask(row.worker.task)

    lists.set(worker, [...lists.get(worker) ?? [], row])
  }

  return [...lists.values()].map(list => ({
    failed: false,
    cells: { worker: list[0]!.name, number: String(list.length), command: countWords(list), restarts: String(list.reduce((sum, { restarts }) => sum + restarts, 0)), time: '', exit: '', end: '' }
  }))
}

function mapHeading ({ job }: FinishedJob, rows: readonly MapRow[]): string {
  const workers = new Set(rows.map(({ worker }) => parseMapTask(worker.task).worker)).size

  return [
    job.name ?? 'map',
    `${rows.length} ${rows.length === 1 ? 'command' : 'commands'} on ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    countWords(rows),
    `job ${shortJobId(job.id)}`
  ].join(' · ')
}

/** `7 done, 1 failed, 2 cancelled`; what has not ended is counted as one. */
function countWords (rows: readonly MapRow[]): string {
  const states = rows.map(({ worker }) => worker.state)
  const ended = TASK_ENDS.flatMap(end => states.includes(end) ? [`${states.filter(state => state === end).length} ${end}`] : [])
  const open = states.filter(state => !TASK_ENDS.includes(state)).length

  return [...ended, ...(open > 0 ? [`${open} not finished`] : [])].join(', ')
}
