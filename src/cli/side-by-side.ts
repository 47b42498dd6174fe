import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Metric } from '../model/comparison.ts'
import { MeshmarkError, toError } from '../model/errors.ts'
import { shortJobId } from '../model/ids.ts'
import { isTaskEnd } from '../model/states.ts'
import { printable } from '../model/text.ts'
import { VERSION } from '../node/version.ts'
import { formatBytes } from '../model/units.ts'
import { parseResultSet, resultSetOf, type ResultSet } from '../report/result-sets.ts'
import { DIFFERENT_SESSIONS, sideBySide, sideRatioText, sideText, type SideBySideRow } from '../report/side-by-side.ts'
import { toJson } from '../report/to-json.ts'
import { finishedJob, resultsOf } from '../roles/client/finished.ts'
import type { Client } from '../roles/client/types.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { writeExportFile } from './files/export-files.ts'
import { checkReports, type ReportFileOptions, typeOf } from './files/reports.ts'
import type { ConnectionOptions, Format, ResultFormat } from './common/options.ts'
import { type Column, renderRows } from './common/rows.ts'
import { writeAll } from './common/write.ts'

export interface SideBySideOptions extends ConnectionOptions, Pick<ReportFileOptions, 'report'> {
  metric: Metric
  format: ResultFormat
  /** Only this worker of every set. */
  worker?: string
}

/** What people can still read next to each other. */
const MAX_SETS = 10

/** The complete JSON of a large job; more is something else. */
const MAX_FILE_BYTES = 256 * 1024 ** 2

/** A pipe has no width; nothing is cut there. */
const PIPE_WIDTH = 10_000

/** What has a meaning where nothing is run. */
const OPTIONS = new Set(['report', 'results', 'metric', 'format', 'worker', 'master', 'token', 'mesh', 'mdns', 'data', 'quiet'])

/** Refuses what was typed in vain; what a configuration file says of every comparison is left aside. */
export function checkSideBySideOptions (command: Command): void {
  const vain = command.options.find(option => command.getOptionValueSource(option.attributeName()) === 'cli' && !OPTIONS.has(option.attributeName()))

  if (vain != null) {
    throw new MeshmarkError('usage', `${vain.long ?? vain.short} has no meaning beside --results, which runs nothing and writes to standard output and reports: leave it out`)
  }
}

/** Lays stored jobs and files of results beside each other, the first one being what the others are divided by. */
export async function showSideBySide (named: readonly string[], options: SideBySideOptions, context: Context): Promise<void> {
  const { format } = options

  if (format === 'full') {
    throw new MeshmarkError('usage', '--format full is everything known of one job, and --results lays several beside each other: choose table, json, ndjson, csv or markdown')
  }

  if (named.length < 2 || named.length > MAX_SETS) {
    throw new MeshmarkError('usage', `--results takes 2 to ${MAX_SETS} jobs or files, and there ${named.length === 1 ? 'is 1' : `are ${named.length}`}: write e.g. meshmark compare --results old.json @last`)
  }

  const option = named.find(word => word.startsWith('-'))

  if (option != null) {
    throw new MeshmarkError('usage', `'${option}' stands behind a job or file: write options before them`)
  }

  await checkReports(options)

  const all = await loadSets(named, options, context)
  const empty = all.find(({ commands }) => commands.length === 0)

  if (empty != null) {
    throw new MeshmarkError('usage', `${empty.label} has no results: nothing was measured when it was written`)
  }

  checkDistinct(all)

  const sets = options.worker == null ? all : all.map(set => onlyOf(set, options.worker ?? ''))
  const rows = sideBySide(sets, options.metric)

  await writeAll(context.stdout, format === 'json' ? sideBySideJson(sets, rows, options.metric) : renderRows(rows, columnsOf(sets, format, options.metric), format, 'no results', context.stdout.columns || PIPE_WIDTH))

  if (format === 'table' || format === 'markdown') {
    await writeAll(context.stdout, `${format === 'markdown' ? '\n' : ''}${sets.map((set, index) => `${letter(index)} ${set.label}`).join(', ')}: ${DIFFERENT_SESSIONS}, no verdict\n`)
  }

  await writeSideReports(sets, rows, options)

  if (rows.every(({ sides }) => sides.filter(side => side != null).length < 2)) {
    note(context, 'nothing in them has the same worker; --worker NAME takes one worker of each, which may stand beside one that has no name')
  }
}

async function writeSideReports (sets: readonly ResultSet[], rows: readonly SideBySideRow[], { report = [], metric }: SideBySideOptions): Promise<void> {
  if (report.length === 0) {
    return
  }

  const { renderSideBySide, sideBySideComment } = await import('../report/html/side-by-side.ts')
  const { pageAssets } = await import('../report/page-assets.ts')
  const about = { writtenAt: Date.now(), version: VERSION }

  for (const file of report) {
    await writeExportFile(file, typeOf(file) === 'html'
      ? renderSideBySide(sets, rows, metric, { ...about, assets: pageAssets(), json: sideBySideJson(sets, rows, metric) })
      : sideBySideComment(sets, rows, metric, about))
  }
}

async function loadSets (named: readonly string[], options: ConnectionOptions, context: Context): Promise<ResultSet[]> {
  const files = await Promise.all(named.map(openFile))
  const sets: Array<ResultSet | undefined> = []

  try {
    for (const [index, file] of files.entries()) {
      sets[index] = file == null ? undefined : parseResultSet(await readBounded(file, named[index] ?? ''), printable(named[index] ?? ''))
    }
  } finally {
    await Promise.all(files.map(async file => { await file?.close() }))
  }

  const loadJobs = async (client: Client): Promise<void> => {
    for (const [index, selector] of named.entries()) {
      sets[index] ??= await jobSet(client, selector, context)
    }
  }

  if (files.includes(undefined)) {
    await withClient(options, loadJobs)
  }

  return sets.filter(set => set != null)
}

/** What looks like a path, or is a file here, is one; everything else is the name of a job. */
async function openFile (named: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(named, 'r')
  } catch (err: any) {
    if (err.code === 'ENOENT' && !named.includes('/') && !named.endsWith('.json')) {
      return undefined
    }

    throw new MeshmarkError('usage', `${named} cannot be read: ${err.code === 'ENOENT' ? 'there is no such file' : err.code === 'EACCES' ? 'this user may not' : toError(err).message}`)
  }
}

async function readBounded (file: Awaited<ReturnType<typeof open>>, name: string): Promise<string> {
  const info = await file.stat()

  if (info.isDirectory()) {
    throw new MeshmarkError('usage', `${name} is a folder: name a file of results`)
  }

  // A pipe says nothing of its size, so it is counted while it is read.
  const chunks: Uint8Array[] = []
  let bytes = 0

  for await (const chunk of file.createReadStream({ autoClose: false })) {
    bytes += chunk.length

    if (bytes > MAX_FILE_BYTES) {
      throw new MeshmarkError('usage', `${name} is larger than ${formatBytes(MAX_FILE_BYTES)}, the most that is read of a file of results: export one worker at a time with {worker} in the file's name`)
    }

    chunks.push(chunk)
  }

  return Buffer.concat(chunks).toString()
}

async function jobSet (client: Client, selector: string, context: Context): Promise<ResultSet> {
  const { view, events } = await client.show(selector)
  const open = view.tasks.filter(({ state }) => !isTaskEnd(state)).length
  const { id, name } = view.job

  if (open > 0) {
    note(context, `${open} of ${view.tasks.length} tasks of ${selector} not finished yet: meshmark attach ${selector} waits for the rest`)
  }

  return resultSetOf(finishedJob({ view, results: resultsOf(events) }), name == null ? shortJobId(id) : `${shortJobId(id)} (${printable(name)})`)
}

/** One session beside itself would look like a finding. */
function checkDistinct (sets: readonly ResultSet[]): void {
  const twin = sets.find(({ job }, index) => job != null && sets.findIndex(other => other.job === job) < index)
  const first = sets.find(({ job }) => twin != null && job === twin.job)

  if (twin != null) {
    throw new MeshmarkError('usage', `${first?.label} and ${twin.label} are the same job: name two`)
  }
}

function onlyOf (set: ResultSet, name: string): ResultSet {
  // What has no worker has only one.
  const commands = set.commands.filter(({ worker }) => worker == null || worker.name === name || worker.peerId === name)

  if (commands.length === 0) {
    throw new MeshmarkError('usage', `--worker '${name}' has no part in ${set.label}: these have: ${[...new Set(set.commands.map(({ worker }) => printable(worker?.name ?? '-')))].slice(0, 20).join(', ')}`)
  }

  return { ...set, commands }
}

function letter (index: number): string {
  return String.fromCharCode(65 + index)
}

function columnsOf (sets: readonly ResultSet[], format: Format, metric: Metric): Array<Column<SideBySideRow>> {
  const unit = metric === 'memory' ? 1 : 1e9
  const fit = (text: string): string => format === 'csv' ? harmless(text) : text
  // A line of several commands, matched by their place, says so.
  const title = (row: SideBySideRow): string => [...new Set(row.sides.flatMap(side => side?.command ?? []))].join(' | ')

  return [
    { heading: 'worker', key: 'worker', value: row => row.worker == null ? null : fit(row.worker), text: row => row.worker ?? '-' },
    { heading: 'command', key: 'command', value: row => fit(title(row)), text: title, shrinkTo: 16 },
    ...sets.flatMap((_, index) => sideColumns(index, metric, unit)),
    // Below a table it stands once.
    ...(format === 'table' || format === 'markdown' ? [] : [{ heading: 'remark', key: 'remark', value: () => DIFFERENT_SESSIONS }])
  ]
}

/** Text that somebody else chose: neither a terminal nor a spreadsheet must obey it (OWASP, "CSV Injection"). */
function harmless (text: string): string {
  const safe = printable(text, 2_000)

  return /^[=+\-@]/.test(safe) ? `'${safe}` : safe
}

function sideColumns (index: number, metric: Metric, unit: number): Array<Column<SideBySideRow>> {
  const name = letter(index)
  const key = name.toLowerCase()
  const median: Array<Column<SideBySideRow>> = [
    { heading: `${name} median`, key: `${key}_median`, value: ({ sides }) => scaled(sides[index]?.median, unit), text: ({ sides }) => sideText(sides[index], metric), align: 'right' }
  ]

  return index === 0
    ? median
    : [
        ...median,
        { heading: `${name} / A`, key: `${key}_ratio`, value: ({ sides }) => sides[index]?.ratio ?? null, text: ({ sides }) => sideRatioText(sides[index], sides[0]), align: 'right' },
        { heading: `${name} ${metric === 'memory' ? 'smaller' : 'faster'}`, key: `${key}_smaller`, value: ({ sides }) => sides[index]?.smaller ?? null, text: ({ sides }) => shareText(sides[index]?.smaller), align: 'right', drop: 1 }
      ]
}

function shareText (share: number | undefined): string {
  return share == null ? '-' : `${Math.round(share * 100)} %`
}

function scaled (value: number | undefined, unit: number): number | null {
  return value == null ? null : value / unit
}

/** Times are seconds, as in hyperfine's JSON. */
function sideBySideJson (sets: readonly ResultSet[], rows: readonly SideBySideRow[], metric: Metric): string {
  const unit = metric === 'memory' ? 1 : 1e9

  return `${toJson({
    remark: DIFFERENT_SESSIONS,
    metric,
    sets: sets.map(({ label, job }, index) => ({ set: letter(index), label, ...(job == null ? {} : { job }) })),
    rows: rows.map(({ worker, command, sides }) => ({
      worker: worker ?? null,
      command,
      sides: sides.map((side, index) => side == null
        ? null
        : {
            set: letter(index),
            command: side.command,
            worker: side.worker ?? null,
            runs: side.runs,
            median: scaled(side.median, unit),
            ...(side.interval == null ? {} : { median_interval: [side.interval.low / unit, side.interval.high / unit] }),
            ...(side.ratio == null ? {} : { ratio: side.ratio }),
            ...(side.smaller == null ? {} : { smaller: side.smaller }),
            ...(side.problem == null ? {} : { problem: side.problem })
          })
    }))
  }, 2)}\n`
}
