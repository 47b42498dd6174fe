import type { Command } from 'commander'
import { counted } from '../model/text.ts'
import { withClient } from './common/connect.ts'
import { hasColour, type Context } from './common/context.ts'
import { useDataDirectory } from './common/data-directory.ts'
import { type Check, systemChecks } from './doctor/system.ts'
import { sandboxChecks } from './doctor/sandbox.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions, formatOption, type FormatOptions } from './common/options.ts'
import { renderRows, type Column } from './common/rows.ts'

interface DoctorOptions extends ConnectionOptions, FormatOptions {
  user?: string
}

const COLOURS = { PASS: 32, CAUTION: 33, FAIL: 31 } as const

const COLUMNS: ReadonlyArray<Column<Check>> = [
  { heading: 'check', key: 'check', value: check => check.name },
  { heading: 'verdict', key: 'verdict', value: check => check.verdict },
  { heading: 'found', key: 'found', value: check => check.found },
  { heading: 'mend it with', key: 'mend', value: check => check.mend ?? null }
]

export function define (command: Command, context: Context): void {
  command.addOption(formatOption())
    .option('--user <name>', 'whom a worker started by root becomes (default: meshmark, or a user of its own)')
  addConnectionOptions(command)
  addExamples(command, [['meshmark doctor', 'PASS, CAUTION or FAIL, and what mends it']], 'The exit status is 1 when something fails.')

  command.action(async (options: DoctorOptions) => {
    useDataDirectory(options.data)

    const checks: Check[] = []

    for await (const check of allChecks(options)) {
      checks.push(check)

      if (options.format === 'table') {
        context.stdout.write(line(check, hasColour(context, context.stdout)))
      }
    }

    if (options.format !== 'table') {
      context.stdout.write(renderRows(checks, COLUMNS, options.format, ''))
    }

    context.exitCode = checks.some(({ verdict }) => verdict === 'FAIL') ? 1 : 0
  })
}

async function * allChecks (options: DoctorOptions): AsyncGenerator<Check> {
  yield * systemChecks()
  yield * sandboxChecks(options)
  yield await meshCheck(options)
}

function line ({ name, verdict, found, mend }: Check, colour: boolean): string {
  const word = verdict.padEnd(8)

  return `${colour ? `\x1b[${COLOURS[verdict]}m${word}\x1b[0m` : word}${name}: ${found}${mend == null ? '' : `\n        mend it: ${mend}`}\n`
}

async function meshCheck (options: ConnectionOptions): Promise<Check> {
  const { formatAddress } = await import('../node/address.ts')

  try {
    return await withClient(options, async client => {
      const workers = (await client.nodes()).filter(({ role }) => role === 'worker')

      return { name: 'mesh', verdict: 'PASS', found: `master ${client.master.name} at ${formatAddress(client.master.address)}, ${counted(workers.length, 'worker')}` }
    }, 'client', AbortSignal.timeout(5_000))
  } catch (err) {
    return { name: 'mesh', verdict: 'CAUTION', found: `no master reached: ${(err as Error).message}` }
  }
}
