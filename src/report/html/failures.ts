import { itemTitle } from '../items.ts'
import { problemText, type Row } from '../rows.ts'
import { isTaskEnd } from '../../model/states.ts'
import { printableLines } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { html, type Html } from './markup.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { NumberOf } from './results-table.ts'

/** What a task printed, of which a report shows the end. */
export interface Printed {
  stdout?: Uint8Array
  stderr?: Uint8Array
  /** Bytes that came before these and are not here. */
  skippedStdout?: number
  skippedStderr?: number
}

/** What failed and is listed; the data has the rest. */
const MAX_FAILURES = 50

/** Of one stream: the end of it, where most programs say what was wrong. */
export const MAX_PRINTED = 4 * 1024

/** One entry for each row that did not end well, with what it printed. */
export function failuresSection (rows: readonly Row[], { job }: FinishedJob, printed: ReadonlyMap<string, Printed>, numberOf: NumberOf): Html | '' {
  const failed = rows.filter(({ problem, ended }) => (problem != null && isTaskEnd(problem.state)) || ended != null)
  const shown = failed.slice(0, MAX_FAILURES)
  const told = new Set<string>()

  return failed.length === 0
    ? ''
    : html`<section id="failures"><h2>What did not end well <span class="count">${failed.length.toLocaleString('en')}</span></h2>
${shown.map(row => {
    const { worker, problem, ended } = row
    const reason = problem ?? ended
    // several commands of one task print into the same streams
    const output = told.has(worker.task) ? undefined : printed.get(worker.task)

    told.add(worker.task)

    return html`<article class="failure" data-w="${numberOf(worker)}" data-c="${row.command}"><h3>${job.each == null ? row.name : `${itemTitle(worker, job.each.items)} on ${row.name}`}${job.commands.length > 1 ? html` <code>${row.title}</code>` : ''}</h3>
<p class="reason">${reason == null ? worker.state : problemText(reason)}</p>
${output == null ? '' : [stream('standard error', output.stderr, output.skippedStderr), stream('standard output', output.stdout, output.skippedStdout)]}</article>
`
  })}${failed.length > shown.length ? html`<p class="dim">${(failed.length - shown.length).toLocaleString('en')} more are in the data.</p>` : ''}</section>`
}

function stream (name: string, bytes: Uint8Array | undefined, skipped = 0): Html | '' {
  if (bytes == null || bytes.byteLength === 0) {
    return ''
  }

  const end = bytes.subarray(Math.max(0, bytes.byteLength - MAX_PRINTED))
  const before = skipped + bytes.byteLength - end.byteLength

  return html`<figure class="printed"><figcaption>${name}${before > 0 ? html`, the end; ${formatBytes(before)} before it left out` : ''}</figcaption><pre tabindex="0">${printableLines(new TextDecoder().decode(end), MAX_PRINTED)}</pre></figure>`
}
