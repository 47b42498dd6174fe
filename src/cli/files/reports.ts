import { extname, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { MeshmarkError } from '../../model/errors.ts'
import type { FinishedJob } from '../../model/finished.ts'
import { isTaskEnd } from '../../model/states.ts'
import { VERSION } from '../../node/version.ts'
import { SAMPLE_CHOICES, type Samples } from '../../report/html/samples.ts'
import type { Printed } from '../../report/html/failures.ts'
import { finishedJob, resultsOf } from '../../roles/client/finished.ts'
import type { Client } from '../../roles/client/types.ts'
import { checkExportFile, writeExportFile } from './export-files.ts'
import { ListOption } from '../common/list-option.ts'
import { isPerWorker, WORKER } from './worker-files.ts'

export interface ReportFileOptions {
  report?: string[]
  reportSamples?: Samples
}

const TYPES: Record<string, 'html' | 'markdown'> = { '.html': 'html', '.htm': 'html', '.md': 'markdown', '.markdown': 'markdown' }

/** Who knows what programs printed. */
export type Teller = Pick<Client, 'attach' | 'attachItems'>

/** Tasks whose output stands in a report. */
const MAX_PRINTED_TASKS = 20

/** Of one stream, kept while it comes; a report shows less. */
const MAX_KEPT = 8 * 1024

export function addReportOptions (command: Command): Command {
  return command
    .addOption(new ListOption('--report <file>', 'a report to pass on: .html is one page that needs nothing else, .md a comment for a pull request (repeatable)'))
    .addOption(new Option('--report-samples <which>', 'single runs in the HTML: auto = as long as they fit').choices([...SAMPLE_CHOICES]).default('auto'))
}

/** Looks at every report before anything is submitted. */
export async function checkReports ({ report = [] }: ReportFileOptions): Promise<void> {
  for (const [index, file] of report.entries()) {
    if (typeOf(file) == null) {
      throw new MeshmarkError('usage', `--report ${file}: the name must end in .html or .md, which says what it becomes`)
    }

    if (isPerWorker(file)) {
      throw new MeshmarkError('usage', `--report ${file}: a report is of all workers: leave ${WORKER} out, or name one with --worker`)
    }

    if (report.findIndex(other => resolve(other) === resolve(file)) < index) {
      throw new MeshmarkError('usage', `--report names ${file} twice: name two files`)
    }

    await checkExportFile('--report', file)
  }
}

/** Writes the reports asked for. @param client - asked for what failed programs printed */
export async function writeReports (finished: FinishedJob, { report = [], reportSamples = 'auto' }: ReportFileOptions, client: Teller): Promise<void> {
  if (report.length === 0) {
    return
  }

  const { htmlReport } = await import('../../report/html/html-report.ts')
  const { renderComment } = await import('../../report/comment.ts')
  const about = { writtenAt: Date.now(), version: VERSION }
  const wantsHtml = report.some(file => typeOf(file) === 'html')
  const page = wantsHtml ? await htmlReport(finished, { ...about, samples: reportSamples, printed: await printedBy(finished, client) }) : ''

  for (const file of report) {
    await writeExportFile(file, typeOf(file) === 'html' ? page : renderComment(finished, about))
  }
}

/** Of a job that has ended: it is asked for once more, with everything that is known of it. */
export async function writeReportsOf (client: Client, job: string, options: ReportFileOptions): Promise<void> {
  if ((options.report ?? []).length > 0) {
    const { view, events } = await client.show(job)

    await writeReports(finishedJob({ view, results: resultsOf(events) }), options, client)
  }
}

/** What a report becomes, by its name; undefined = nothing that is known. */
export function typeOf (file: string): 'html' | 'markdown' | undefined {
  return TYPES[extname(file).toLowerCase()]
}

/** The end of what tasks printed that did not end well, of the first of them. */
async function printedBy ({ job, workers }: FinishedJob, client: Teller): Promise<Map<string, Printed>> {
  const failed = new Set(workers.filter(({ state }) => state !== 'done' && isTaskEnd(state)).slice(0, MAX_PRINTED_TASKS).map(({ task }) => task))
  const printed = new Map<string, Printed>()
  const take = (task: string, stream: 'stdout' | 'stderr', data: Uint8Array): void => {
    if (!failed.has(task)) {
      return
    }

    const known = printed.get(task) ?? {}
    const all = Buffer.concat([known[stream] ?? new Uint8Array(0), data])
    const skip = Math.max(0, all.byteLength - MAX_KEPT)
    const skipped = stream === 'stdout' ? 'skippedStdout' : 'skippedStderr'

    printed.set(task, { ...known, [stream]: all.subarray(skip), [skipped]: (known[skipped] ?? 0) + skip })
  }

  if (failed.size === 0) {
    return printed
  }

  if (job.each == null) {
    for await (const event of client.attach(job.id, { output: true, follow: false })) {
      if (event.kind === 'output') {
        take(event.task, event.stream, event.data)
      }
    }

    return printed
  }

  for await (const event of client.attachItems(job.id, { ordered: true, follow: false })) {
    if (event.kind === 'output') {
      take(event.task, event.stream, event.data)
    }

    for (const item of event.kind === 'items' ? event.items : []) {
      for (const stream of ['stdout', 'stderr'] as const) {
        take(item.task, stream, item[stream] ?? new Uint8Array(0))
      }
    }
  }

  return printed
}
