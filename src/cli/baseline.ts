import type { Command } from 'commander'
import { commandTitle } from '../model/job.ts'
import { printable } from '../model/text.ts'
import { formatBytes } from '../model/units.ts'
import { toJson } from '../report/to-json.ts'
import type { Baseline, BaselineResult } from './baselines/baseline-format.ts'
import { checkBaselineName, listBaselines, loadBaseline, removeBaseline } from './baselines/baselines.ts'
import { note, type Context } from './common/context.ts'
import { useDataDirectory } from './common/data-directory.ts'
import { addExamples, formatOption, type FormatOptions } from './common/options.ts'
import { type Column, formatAge, renderRows } from './common/rows.ts'
import { resultCells } from './baselines/then-and-now.ts'
import { writeAll } from './common/write.ts'

interface DataOptions {
  data?: string
}

interface Listed {
  name: string
  baseline?: Baseline
  damage?: string
}

const COLUMNS: ReadonlyArray<Column<Listed>> = [
  { heading: 'baseline', key: 'name', value: row => row.name },
  { heading: 'command', key: 'command', value: row => row.baseline == null ? null : commandTitle(row.baseline.command), text: row => row.baseline == null ? 'damaged' : commandTitle(row.baseline.command), shrinkTo: 16 },
  { heading: 'files', key: 'bytes', value: row => row.baseline == null ? null : sizeOf(row.baseline), text: row => row.baseline == null ? '' : formatBytes(sizeOf(row.baseline)), align: 'right' },
  { heading: 'workers', key: 'workers', value: row => row.baseline?.results.length ?? null, align: 'right' },
  { heading: 'job', key: 'job', value: row => row.baseline?.job.slice(-8).toLowerCase() ?? null },
  { heading: 'saved', key: 'saved', value: row => row.baseline == null ? null : new Date(row.baseline.savedAt).toISOString(), text: row => row.baseline == null ? '' : `${formatAge(Math.max(0, Date.now() - row.baseline.savedAt))} ago` }
]

const RESULTS: ReadonlyArray<Column<BaselineResult>> = [
  { heading: 'worker', key: 'worker', value: row => row.worker },
  { heading: 'cpu', key: 'cpu', value: row => row.cpu },
  { heading: 'runs', key: 'runs', value: row => row.runs, align: 'right' },
  { heading: 'median ± 95 %', key: 'median_ns', value: row => row.medianNs, text: row => resultCells(row).median, align: 'right' },
  { heading: 'cpu time', key: 'cpu_ns', value: row => row.cpuNs, text: row => resultCells(row).cpu, align: 'right' }
]

export function define (command: Command, context: Context): void {
  addExamples(command, [
    ['meshmark run --save-baseline main ./prog 7', 'makes one, or replaces it'],
    ['meshmark run --baseline main ./prog 7', 'runs it again, in turns with the present ./prog'],
    ['meshmark baseline show main', 'what it runs, and what it took when it was saved']
  ], 'Baselines are kept on this machine, below the data directory, until they are removed.')

  defineList(command.command('ls'), context)
  defineShow(command.command('show'), context)
  defineRemove(command.command('rm'), context)
}

function defineList (command: Command, context: Context): void {
  addDataOption(command.description('Baselines of this machine.').addOption(formatOption()))

  command.action(async (options: DataOptions & FormatOptions) => {
    useDataDirectory(options.data)

    const listed = await listBaselines()

    await writeAll(context.stdout, renderRows<Listed>(listed, COLUMNS, options.format, 'no baselines', context.stdout.columns || undefined))

    for (const { damage } of listed) {
      if (damage != null) {
        note(context, damage)
      }
    }
  })
}

function defineShow (command: Command, context: Context): void {
  addDataOption(command.description('What a baseline runs, and what it took when it was saved.')
    .argument('<baseline>', 'its name, as ls shows it')
    .addOption(formatOption(['table', 'json'])))

  command.action(async (name: string, options: DataOptions & FormatOptions) => {
    useDataDirectory(options.data)

    const { sourceOf: _, ...baseline } = await loadBaseline(checkBaselineName('baseline', name))

    await writeAll(context.stdout, options.format === 'json' ? `${toJson(baseline, 2)}\n` : describe(baseline, context.stdout.columns || undefined))
  })
}

function defineRemove (command: Command, context: Context): void {
  addDataOption(command.description('Keep a baseline no longer.').argument('<baseline>', 'its name, as ls shows it'))

  command.action(async (name: string, options: DataOptions) => {
    useDataDirectory(options.data)
    await removeBaseline(checkBaselineName('baseline', name))
    note(context, `removed baseline ${name}`)
  })
}

function addDataOption (command: Command): Command {
  return command
    .option('--data <dir>', 'where they are kept')
    .option('-q, --quiet', 'no notes')
}

function describe (baseline: Baseline, width: number | undefined): string {
  const { command, files, stdin, env } = baseline
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`)
  const facts: Array<[string, string]> = [
    ['command', commandTitle(command)],
    ...(command.name == null ? [] : [['runs', commandTitle({ argv: command.argv })] satisfies [string, string]]),
    ...Object.entries(command.hooks ?? {}).map(([name, line]): [string, string] => [name, line]),
    ...(stdin == null ? [] : [['stdin', stdin] satisfies [string, string]]),
    ...variables.map((text): [string, string] => ['env', text]),
    ...files.map(({ path, size, sha256 }): [string, string] => ['file', `${path}  ${formatBytes(size)}  sha256 ${sha256}`]),
    ['saved', `${new Date(baseline.savedAt).toISOString()}, job ${baseline.job.slice(-8).toLowerCase()}`]
  ]

  return `${facts.map(([key, text]) => `${key.padEnd(9)}${printable(text, 1_000)}\n`).join('')}\n${renderRows<BaselineResult>(baseline.results, RESULTS, 'table', 'no results', width)}`
}

function sizeOf ({ files }: Baseline): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}
