import type { Command, Option } from 'commander'
import { buildCommand } from './build.ts'
import type { Context } from './common/context.ts'
import { mayStandAlone, takesWords } from './common/join-words.ts'
import { COMMANDS } from './commands.ts'

/** What can follow: fixed words, files, programs, or names that only the mesh knows. */
export type Values =
  | { kind: 'none' | 'text' | 'file' | 'program' | 'job' | 'worker' | 'baseline' }
  | { kind: 'words', words: string[] }

export interface CompletedOption {
  /** `--runs`, `-r`; the long one first. */
  flags: string[]
  description: string
  /** `none` = a switch, or a value that only an equals sign can bring. */
  values: Values
  /** How many words follow it. */
  count: number
}

export interface CompletedCommand {
  name: string
  summary: string
  options: CompletedOption[]
  /** What its first positional word is. */
  words: Values
  /** What stands behind the first word, when that is a command of its own. */
  later?: Values
}

const FILE_VALUES = /^<(file|dir)/
const WORKER_OPTIONS = new Set(['--on', '--worker'])
const BASELINE_OPTIONS = new Set(['--baseline', '--save-baseline'])

/** Everything the shells need, read from the commands themselves. */
export async function completedCommands (context: Context): Promise<CompletedCommand[]> {
  return await Promise.all(COMMANDS.map(async ({ name, summary }) => {
    const command = await buildCommand(name, context)
    const all = [command, ...command.commands].flatMap(command => command.options)
    const unique = [...new Map(all.map(option => [option.flags, option])).values()]

    return {
      name,
      summary,
      options: [...unique.map(completedOption), { flags: ['--help', '-h'], description: 'help for this command', values: { kind: 'none' }, count: 0 }],
      words: firstWord(command),
      ...(command.commands.length === 0 ? {} : { later: command.commands.map(firstWord).find(({ kind }) => kind === 'baseline') ?? { kind: 'none' } })
    }
  }))
}

function completedOption (option: Option): CompletedOption {
  const values = optionValues(option)

  return {
    flags: [option.long, option.short].filter(flag => flag != null),
    description: option.description.split(';')[0] ?? '',
    values,
    count: values.kind === 'none' ? 0 : takesWords(option) ? option.words.length : 1
  }
}

function optionValues (option: Option): Values {
  if (option.isBoolean() || option.negate || mayStandAlone(option)) {
    return { kind: 'none' }
  }

  if (option.argChoices != null) {
    return { kind: 'words', words: option.argChoices }
  }

  if (WORKER_OPTIONS.has(option.long ?? '')) {
    return { kind: 'worker' }
  }

  if (BASELINE_OPTIONS.has(option.long ?? '')) {
    return { kind: 'baseline' }
  }

  return { kind: FILE_VALUES.test(option.flags.slice(option.flags.indexOf('<'))) ? 'file' : 'text' }
}

function firstWord (command: Command): Values {
  const first = command.registeredArguments[0]

  if (command.commands.length > 0) {
    return { kind: 'words', words: command.commands.map(command => command.name()) }
  }

  if (first?.argChoices != null) {
    return { kind: 'words', words: first.argChoices }
  }

  switch (first?.name()) {
    case 'program': return { kind: 'program' }
    case 'job': return { kind: 'job' }
    case 'node': return { kind: 'worker' }
    case 'baseline': return { kind: 'baseline' }
    case undefined: return { kind: 'none' }
    default: return { kind: 'text' }
  }
}
