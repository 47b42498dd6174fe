import { resolve } from 'node:path'
import type { Command } from 'commander'
import { quote } from 'shlex'
import { MeshmarkError } from '../../model/errors.ts'
import type { FinishedJob, FinishedWorker } from '../../model/finished.ts'
import { finishedJob, type JobOutcome } from '../../roles/client/finished.ts'
import { hasColour, type Context } from '../common/context.ts'
import { checkExportFile, writeExportFile } from './export-files.ts'
import { formatOption, RESULT_FORMATS, type ResultFormat } from '../common/options.ts'
import { addReportOptions, checkReports, type ReportFileOptions, type Teller, writeReports } from './reports.ts'
import { isPerWorker, workerFiles } from './worker-files.ts'
import { writeAll } from '../common/write.ts'

export interface ResultOptions extends ReportFileOptions {
  format: ResultFormat
  exportJson?: string
  exportNdjson?: string
  exportCsv?: string
  exportMarkdown?: string
  exportFull?: string
  allRows?: boolean
  /** All that is known of each worker and command, below the table. */
  details?: boolean
  /** Name of the one worker that is wanted. */
  worker?: string
}

/** A pipe has no width, and some terminals say 0; what reads it is rarely narrower than this. */
export const PIPE_WIDTH = 160

export function addResultOptions (command: Command): Command {
  command
    .optionsGroup('Results:')
    .addOption(formatOption(RESULT_FORMATS))
    .option('--export-json <file>', "also into a file: hyperfine's JSON with more keys, every sample included")
    .option('--export-ndjson <file>', 'one line for each worker and command')
    .option('--export-csv <file>', "hyperfine's CSV with more columns")
    .option('--export-markdown <file>', 'a table for a document')
    .option('--export-full <file>', 'JSON with everything: the job, every machine, every run in nanoseconds, statistics')

  return addReportOptions(command)
    .option('--worker <name>', 'show and export only this worker; with {worker} in its name, a file is written for each')
    .option('--all-rows', 'a row for every worker, however many there are')
    .option('--details', 'below the table: spread, percentiles, outliers, drift, page faults and more')
}

/** Looks at every file before anything is submitted. */
export async function checkExports (options: ResultOptions): Promise<void> {
  const seen = new Map<string, string>()

  for (const { option, file } of exportsOf(options)) {
    if (file === '-') {
      throw new MeshmarkError('usage', `${option} - : results go to standard output with --format ${option.replace('--export-', '')}`)
    }

    const other = seen.get(resolve(file))

    if (other != null) {
      throw new MeshmarkError('usage', `${other} and ${option} both write ${file}: name two files`)
    }

    seen.set(resolve(file), option)
    await checkExportFile(option, file)
  }

  await checkReports(options)
}

/** The files asked for, as they are typed again: ` --export-json x.json`; empty when there are none. */
export function exportWords (options: ResultOptions): string {
  return [...exportsOf(options), ...(options.report ?? []).map(file => ({ option: '--report', file }))].map(({ option, file }) => ` ${option} ${quote(file)}`).join('')
}

/** Has a file or another format than the usual table been asked for? */
export function wantsResults (options: ResultOptions): boolean {
  return options.format !== 'table' || exportsOf(options).length > 0
}

/**
 * Prints the results, writes the files and reports asked for, and resolves with the exit
 * code of the whole job, whatever of it is shown.
 */
export async function presentResults (client: Teller, outcome: JobOutcome, options: ResultOptions, context: Context): Promise<number> {
  const { exitCodeOf } = await import('../../report/exit-code.ts')
  const { onlyWorker, withWorkers } = await import('../../report/select.ts')
  const whole = finishedJob(outcome)
  const finished = options.worker == null ? whole : onlyWorker(whole, options.worker)

  await writeAll(context.stdout, await render(finished, options.format, options, context))

  for (const { format, file } of exportsOf(options)) {
    if (!isPerWorker(file)) {
      await writeExportFile(file, await render(finished, format, options, context))
      continue
    }

    const shares = sharesOf(finished)
    const files = workerFiles(file, shares.flatMap(([first]) => first?.info ?? []))

    for (const [index, share] of shares.entries()) {
      await writeExportFile(files[index] ?? file, await render(withWorkers(finished, share), format, options, context))
    }
  }

  await writeReports(finished, options, client)

  return exitCodeOf(whole)
}

/** What of a job is one worker's: of a map its list, else one task. */
function sharesOf ({ job, workers }: FinishedJob): FinishedWorker[][] {
  const shares = new Map<string, FinishedWorker[]>()

  for (const worker of workers) {
    const key = job.map == null ? worker.task : worker.info.peerId

    shares.set(key, [...shares.get(key) ?? [], worker])
  }

  return [...shares.values()]
}

async function render (finished: FinishedJob, format: ResultFormat, options: ResultOptions, context: Context): Promise<string> {
  switch (format) {
    case 'json': return (await import('../../report/json.ts')).renderJson(finished)
    case 'ndjson': return (await import('../../report/ndjson.ts')).renderNdjson(finished)
    case 'csv': return (await import('../../report/csv.ts')).renderCsv(finished)
    case 'markdown': return finished.job.map == null ? (await import('../../report/markdown.ts')).renderMarkdown(finished) : (await import('../../report/map-table.ts')).renderMapMarkdown(finished)
    case 'full': return (await import('../../report/full.ts')).renderFull(finished)
    case 'table': {
      const look = { colour: hasColour(context, context.stdout), width: context.stdout.columns || PIPE_WIDTH, allRows: options.allRows }

      return finished.job.map != null
        ? (await import('../../report/map-table.ts')).renderMap(finished, look)
        : (await import('../../report/table.ts')).renderTable(finished, { ...look, details: options.details })
    }
  }
}

function exportsOf (options: ResultOptions): Array<{ option: string, format: ResultFormat, file: string }> {
  const all = [
    { option: '--export-json', format: 'json', file: options.exportJson },
    { option: '--export-ndjson', format: 'ndjson', file: options.exportNdjson },
    { option: '--export-csv', format: 'csv', file: options.exportCsv },
    { option: '--export-markdown', format: 'markdown', file: options.exportMarkdown },
    { option: '--export-full', format: 'full', file: options.exportFull }
  ] as const

  return all.flatMap(({ option, format, file }) => file == null ? [] : [{ option, format, file }])
}
