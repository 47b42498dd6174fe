import { type Command, Option } from 'commander'
import { isDataSet } from '../../roles/client/draft/data-sets.ts'
import type { ConnectOptions } from '../../roles/client/types.ts'
import { ListOption, splitCommas } from './list-option.ts'

export const FORMATS = ['table', 'json', 'ndjson', 'csv', 'markdown'] as const

export type Format = typeof FORMATS[number]

/** What results can be written as: the usual, and all that is known of them. */
export const RESULT_FORMATS = [...FORMATS, 'full'] as const

export type ResultFormat = typeof RESULT_FORMATS[number]

/** What every command that speaks to a mesh may be told. */
export interface ConnectionOptions {
  master?: string[]
  token?: string
  mesh?: string
  /** `--no-mdns` makes it false. */
  mdns?: boolean
  data?: string | string[]
  quiet?: boolean
}

export interface FormatOptions {
  format: Format
}

/** @param withJob - `--data` names data sets of a job, too */
export function addConnectionOptions (command: Command, withJob = false): Command {
  return command
    .optionsGroup('Which mesh:')
    .addOption(new ListOption('--master <addr>', 'a master, HOST[:PORT] or a multiaddr (repeatable, or A,B: whichever answers); otherwise the stored membership, this machine or mDNS knows', splitCommas))
    .option('--token <token>', 'a join token to use when this machine has no membership yet')
    .option('--mesh <id>', 'which mesh, when this machine knows several: the beginning or end of its id')
    .option('--no-mdns', 'do not look for masters on the local network')
    .addOption(withJob ? dataOption() : new Option('--data <dir>', 'where memberships, payloads and results are kept'))
    .optionsGroup('Options:')
    .option('-q, --quiet', 'no progress and no notes')
}

/** One option for both: without a name it is the folder, as everywhere else. */
function dataOption (): Option {
  return new ListOption('--data <name=path>', 'a file or folder that programs find as data/NAME, sent once and kept by the mesh (repeatable); without NAME=, the folder where memberships are kept')
}

/** The folder in which this machine keeps memberships, payloads and results, where one is named. */
export function dataFolder (data: ConnectionOptions['data']): string | undefined {
  return Array.isArray(data) ? data.findLast(word => !isDataSet(word)) : data
}

export function connectOptions (options: ConnectionOptions, role: 'client' | 'admin' = 'client'): ConnectOptions {
  return {
    masters: options.master ?? [],
    ...(options.token == null ? {} : { token: options.token }),
    ...(options.mesh == null ? {} : { mesh: options.mesh }),
    mdns: options.mdns !== false,
    role
  }
}

/** How results are written; a table unless told otherwise. */
export function formatOption (formats: readonly string[] = FORMATS): Option {
  return new Option('--format <format>', 'how the results are written').choices([...formats]).default('table')
}

/** Examples at the end of a command's help. */
export function addExamples (command: Command, examples: ReadonlyArray<readonly [string, string]>, more = ''): Command {
  const width = Math.max(...examples.map(([typed]) => typed.length)) + 3
  const lines = examples.map(([typed, meaning]) => `  ${typed.padEnd(width)}${meaning}`)

  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n${more === '' ? '' : `\n${more.trim()}\n`}`)
}
