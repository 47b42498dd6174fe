import { itemTitle } from '../items.ts'
import { mapRows } from '../map-table.ts'
import { plainTime } from '../quantities.ts'
import { problemText, type Row } from '../rows.ts'
import { printable } from '../../model/text.ts'
import { MAX_ROWS, type NumberOf } from './results-table.ts'
import { html, type Html } from './markup.ts'
import { table } from './table.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Exit } from '../../model/sample.ts'

/** What was handed out, a row for each item or task: those that failed first, as they are what is looked for. */
export function tasksTable (rows: readonly Row[], finished: FinishedJob, numberOf: NumberOf): Html {
  if (finished.job.map != null) {
    return mapTable(finished, numberOf)
  }

  const { each } = finished.job
  const ordered = [...rows.filter(({ problem, ended }) => (problem ?? ended) != null), ...rows.filter(({ problem, ended }) => (problem ?? ended) == null)]

  return html`${table('Tasks', [...each == null ? [] : [{ title: 'Item' }], { title: 'Worker' }, { title: 'Time', align: 'right' }, { title: 'CPU time', align: 'right' }, { title: 'Exit', align: 'right' }, { title: 'End' }], ordered.slice(0, MAX_ROWS).map(row => {
    const { worker, problem, ended } = row
    const sample = row.samples.at(-1)
    const bad = problem ?? ended

    return {
      worker: numberOf(worker),
      ...bad == null ? {} : { look: 'failed' },
      cells: [
        ...each == null ? [] : [{ text: itemTitle(worker, each.items), value: Number(worker.task) }],
        row.name,
        { text: sample == null ? '–' : plainTime(sample.wallNs), value: sample?.wallNs },
        { text: sample == null ? '–' : plainTime(sample.cpuNs), value: sample?.cpuNs },
        sample == null ? '–' : exitText(sample.exit),
        bad == null ? worker.state : problemText(bad)
      ]
    }
  }))}${cutNote(ordered.length)}`
}

function mapTable (finished: FinishedJob, numberOf: NumberOf): Html {
  const rows = mapRows(finished)

  return html`${table('Commands', [{ title: 'Worker' }, { title: '#', align: 'right' }, { title: 'Command' }, { title: 'Restarts', align: 'right' }, { title: 'Time', align: 'right' }, { title: 'Exit', align: 'right' }, { title: 'End' }], rows.slice(0, MAX_ROWS).map(row => ({
    worker: numberOf(row.worker),
    ...row.failed ? { look: 'failed' } : {},
    cells: [
      row.name,
      { text: row.number, value: row.number },
      html`<code>${row.command}</code>`,
      { text: row.restarts, value: row.restarts },
      { text: row.wallNs == null ? '–' : plainTime(row.wallNs), value: row.wallNs },
      row.exit ?? '–',
      row.end
    ]
  })))}${cutNote(rows.length)}`
}

export function cutNote (rows: number, shown = MAX_ROWS): Html | '' {
  return rows <= shown ? '' : html`<p class="dim">${(rows - shown).toLocaleString('en')} more rows are in the data.</p>`
}

function exitText (exit: Exit): string {
  return exit.kind === 'code' ? String(exit.code) : printable(exit.signal, 20)
}
