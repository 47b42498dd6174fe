import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { MeshmarkError, toError } from '../model/errors.ts'
import type { FinishedJob } from '../model/finished.ts'
import { hasColour, type Context } from './context.ts'
import { finishedJob, type JobOutcome } from './finished.ts'
import { type Format, formatOption, type FormatOptions } from './options.ts'
import { writeAll } from './write.ts'

export interface ResultOptions extends FormatOptions {
  exportJson?: string
  exportNdjson?: string
  exportCsv?: string
  exportMarkdown?: string
  allRows?: boolean
}

/** A pipe has no width, and some terminals say 0; what reads it is rarely narrower than this. */
const PIPE_WIDTH = 160

export function addResultOptions (command: Command): Command {
  return command
    .optionsGroup('Results:')
    .addOption(formatOption())
    .option('--export-json <file>', "also into a file: hyperfine's JSON with more keys, every sample included")
    .option('--export-ndjson <file>', 'one line for each worker and command')
    .option('--export-csv <file>', "hyperfine's CSV with more columns")
    .option('--export-markdown <file>', 'a table for a document')
    .option('--all-rows', 'a row for every worker, however many there are')
}

/** A file that cannot be written is better found before an hour of measuring than after it. */
export async function checkExports (options: ResultOptions): Promise<void> {
  for (const { option, file } of exportsOf(options)) {
    if (file === '-') {
      throw new MeshmarkError('usage', `${option} - : results go to standard output with --format ${option.replace('--export-', '')}`)
    }

    const target = await stat(file).catch(() => undefined)

    if (target?.isDirectory() === true) {
      throw new MeshmarkError('usage', `${option} ${file} is a folder: name a file in it`)
    }

    await access(target == null ? dirname(file) : file, constants.W_OK).catch(err => {
      const why: Record<string, string> = { ENOENT: `there is no folder ${dirname(file)}`, EACCES: 'this user may not', EROFS: 'the file system is read-only' }

      throw new MeshmarkError('usage', `${option} ${file} cannot be written: ${why[err.code] ?? toError(err).message}`)
    })
  }
}

/** Has a file or another format than the usual table been asked for? */
export function wantsResults (options: ResultOptions): boolean {
  return options.format !== 'table' || exportsOf(options).length > 0
}

/** Prints the results, writes the files asked for, and resolves with the exit code. */
export async function presentResults (outcome: JobOutcome, options: ResultOptions, context: Context): Promise<number> {
  const { exitCodeOf } = await import('../report/exit-code.ts')
  const finished = finishedJob(outcome)

  await writeAll(context.stdout, await render(finished, options.format, options, context))

  for (const { format, file } of exportsOf(options)) {
    await writeFile(file, await render(finished, format, options, context))
  }

  return exitCodeOf(finished)
}

async function render (finished: FinishedJob, format: Format, options: ResultOptions, context: Context): Promise<string> {
  switch (format) {
    case 'json': return (await import('../report/json.ts')).renderJson(finished)
    case 'ndjson': return (await import('../report/ndjson.ts')).renderNdjson(finished)
    case 'csv': return (await import('../report/csv.ts')).renderCsv(finished)
    case 'markdown': return (await import('../report/markdown.ts')).renderMarkdown(finished)
    case 'table': return (await import('../report/table.ts')).renderTable(finished, {
      colour: hasColour(context, context.stdout),
      width: context.stdout.columns || PIPE_WIDTH,
      allRows: options.allRows
    })
  }
}

function exportsOf (options: ResultOptions): Array<{ option: string, format: Format, file: string }> {
  const all = [
    { option: '--export-json', format: 'json', file: options.exportJson },
    { option: '--export-ndjson', format: 'ndjson', file: options.exportNdjson },
    { option: '--export-csv', format: 'csv', file: options.exportCsv },
    { option: '--export-markdown', format: 'markdown', file: options.exportMarkdown }
  ] as const

  return all.flatMap(({ option, format, file }) => file == null ? [] : [{ option, format, file }])
}
