import { shortJobId } from '../model/ids.ts'
import { commandTitle } from '../model/job.ts'
import { isTaskEnd, TASK_ENDS } from '../model/states.ts'
import { printable } from '../model/text.ts'
import { formatDuration } from '../model/units.ts'
import { layOut } from './columns.ts'
import { plainTime } from './quantities.ts'
import { oneLine } from './rows.ts'
import type { Column } from './columns.ts'
import type { ItemEnd, JobView, StateCount } from '../node/protocol/submit/messages.ts'

const MAX_ITEM = 80
const MAX_REASON = 200

const COLUMNS: readonly Column[] = [
  { key: 'number', title: 'item', align: 'right' },
  { key: 'text', title: '', align: 'left', shrinkTo: 12 },
  { key: 'worker', title: 'worker', align: 'left', shrinkTo: 8, drop: 2 },
  { key: 'time', title: 'time', align: 'right', drop: 1 },
  { key: 'end', title: 'end', align: 'left', shrinkTo: 16 }
]

/** `item 17 'foo bar'`; without its text where that is not known. */
export function itemTitle ({ task }: Pick<ItemEnd, 'task'>, texts: readonly string[]): string {
  const text = texts[Number(task) - 1]

  return `item ${task}${text == null ? '' : ` '${printable(oneLine(text), MAX_ITEM)}'`}`
}

/** `exit 3 on lab-01`, `time limit: …`, `lost: …`: what a line needs beside the item. */
export function howItEnded ({ state, exit, limit, reason, workerName }: ItemEnd): string {
  const where = workerName === '' ? '' : ` on ${printable(workerName, MAX_ITEM)}`

  if (state === 'failed' && exit != null && limit == null) {
    return `${exit.kind === 'code' ? `exit ${exit.code}` : exit.signal}${where}`
  }

  return `${state === 'limit' && limit != null ? `${limit} limit` : state}${where}${reason == null ? '' : `: ${printable(reason, MAX_REASON)}`}`
}

/**
 * The screen of a job with items: what it was, how many ended how, how long it
 * took, and a line for each of these items. Ends in a newline.
 */
export function renderItems ({ job, counts = [], acceptedAt, finishedAt }: JobView, items: readonly ItemEnd[], width: number): string {
  const texts = job.each?.items ?? []
  const total = counts.reduce((sum, { count }) => sum + count, 0)
  const tookMs = finishedAt == null ? undefined : Math.max(1, finishedAt - acceptedAt)
  const heading = [
    printable(oneLine(job.commands.map(commandTitle).join(' · ')), MAX_ITEM),
    `${total.toLocaleString('en')} ${total === 1 ? 'item' : 'items'}`,
    ...countWords(counts),
    ...(tookMs == null ? [] : [formatDuration(tookMs), `${perSecond(total * 1_000 / tookMs)}/s`]),
    `job ${shortJobId(job.id)}`
  ].join(' · ')
  const lines = items.map(item => ({
    cells: {
      number: item.task,
      text: printable(oneLine(texts[Number(item.task) - 1] ?? ''), MAX_ITEM),
      worker: printable(item.workerName, MAX_ITEM),
      time: item.wallNs == null ? '' : plainTime(item.wallNs),
      end: howItEnded({ ...item, workerName: '' })
    }
  }))

  return `${[heading, ...(lines.length === 0 ? [] : layOut(COLUMNS, lines, width, title => title))].join('\n')}\n`
}

/** In the order of the states; those that have not ended come last, as one. */
function countWords (counts: readonly StateCount[]): string[] {
  const open = counts.filter(({ state }) => !isTaskEnd(state)).reduce((sum, { count }) => sum + count, 0)
  const ended = TASK_ENDS.flatMap(end => counts.filter(({ state, count }) => state === end && count > 0))

  return [...ended.map(({ state, count }) => `${count.toLocaleString('en')} ${state}`), ...(open > 0 ? [`${open.toLocaleString('en')} not finished`] : [])]
}

function perSecond (value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}
