import { Command, CommanderError } from 'commander'
import { isMeshmarkError, MeshmarkError } from '../model/errors.ts'
import { VERSION } from '../node/version.ts'
import { buildCommand } from './build.ts'
import { processContext, type Context } from './common/context.ts'
import { errorLine, EXIT_USAGE, exitCodeOfError } from './common/exit-codes.ts'
import { insteadOf } from './options/foreign.ts'
import { joinWords } from './common/join-words.ts'
import { overview } from './overview.ts'
import { applySettings } from './settings.ts'
import { COMMANDS } from './commands.ts'
import type { Request } from './words.ts'

/** Does what was asked and resolves with the exit code. Every error becomes one line on stderr. */
export async function perform (request: Request, context: Context = processContext()): Promise<number> {
  switch (request.kind) {
    case 'command':
      return await performCommand(request.name, request.args, context)
    case 'version':
      context.stdout.write(`meshmark ${VERSION}\n`)
      return 0
    case 'overview':
      (request.wanted ? context.stdout : context.stderr).write(overview())
      return request.wanted ? 0 : EXIT_USAGE
    case 'unknown-command':
      return complain(context, seeHelp(`unknown command '${request.name}'${suggestion(request.name)}`, 'meshmark'))
    case 'unknown-role':
      return complain(context, `unknown role '${request.role}': write --role master, --role worker or --role client`)
    case 'misplaced-option':
      return complain(context, `option '${request.option}' stands before the command: write meshmark COMMAND ${request.option} …, or see meshmark --help`)
  }
}

async function performCommand (name: string, args: string[], context: Context): Promise<number> {
  let command: Command | undefined

  try {
    command = await buildCommand(name, context)
    command.hook('preAction', async (_, used) => {
      await applySettings(used, name, context)
    })
    await command.parseAsync(joinWords(args, command.options), { from: 'user' })

    return context.exitCode
  } catch (err) {
    if (err instanceof CommanderError) {
      // Help that was asked for ends by throwing, with 0.
      return err.exitCode === 0 ? 0 : complain(context, await otherwise(err, name, context) ?? usageLine(err, name, subcommandsOf(command)), exitCodeOfError(new MeshmarkError('usage', ''), name))
    }

    if (context.env.MESHMARK_DEBUG != null && !isMeshmarkError(err)) {
      console.error(err)
    }

    context.stderr.write(`${errorLine(err)}\n`)

    return exitCodeOfError(err, name)
  }
}

function complain (context: Context, text: string, exitCode = EXIT_USAGE): number {
  context.stderr.write(`meshmark: ${text}\n`)

  return exitCode
}

/** What to say of an option that is no typing mistake: one of run given to exec, where nothing is measured, or one of hyperfine. */
async function otherwise (err: CommanderError, name: string, context: Context): Promise<string | undefined> {
  const [, flag] = /^error: unknown option '(-[^'=]*)/.exec(err.message) ?? []

  if (err.code !== 'commander.unknownOption' || flag == null) {
    return undefined
  }

  if (name === 'run' || name === 'compare') {
    const instead = insteadOf(flag)

    return instead == null ? undefined : `${name} has no ${flag} as hyperfine has it: ${instead}`
  }

  if (name !== 'exec') {
    return undefined
  }

  const option = (await buildCommand('run', context)).options.find(({ long, short }) => flag === long || flag === short)

  return option == null ? undefined : seeHelp(`exec runs a program once and measures nothing, so it has no ${flag}`, 'meshmark run')
}

/** Commander's message as one line of ours: "error: unknown option '--rus'\n(Did you mean --runs?)". */
function usageLine (err: CommanderError, name: string, subcommands: readonly string[]): string {
  // Commander's answer to a missing subcommand is the whole help.
  if (err.code === 'commander.help') {
    return seeHelp(`${name} needs one of ${subcommands.join(', ')} behind it`, `meshmark ${name}`)
  }

  const text = err.message
    .replace(/^error: /, '')
    // What is wrong first, with the option as it was typed.
    .replace(/^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/s, "$1 '$2' is none of $3")
    .replace(/^command-argument value '(.*)' is invalid for argument '(\w+)'\. Allowed choices are (.*)\.$/s, "$2 '$1' is none of $3")
    .replace(/\s*\n\s*\(Did you mean (.*?)\?\)/, (_, nearest: string) => `, did you mean ${nearest}?`)
    .replace(/\.$/, '')

  return seeHelp(text, `meshmark ${name}`)
}

function subcommandsOf (command: Command | undefined): string[] {
  // Some are there for completion scripts only.
  return command?.createHelp().visibleCommands(command).map(subcommand => subcommand.name()).filter(name => name !== 'help') ?? []
}

function seeHelp (text: string, command: string): string {
  return text.endsWith('?') ? `${text} See ${command} --help` : `${text}: see ${command} --help`
}

/** The nearest command, as commander judges it. */
function suggestion (name: string): string {
  const root = new Command('meshmark').exitOverride().configureOutput({ writeErr: () => {} })

  for (const entry of COMMANDS) {
    root.command(entry.name).action(() => {})
  }

  try {
    root.parse([name], { from: 'user' })
  } catch (err) {
    const nearest = /Did you mean (.*?)\?/.exec((err as Error).message)?.[1]

    return nearest == null ? '' : `, did you mean ${nearest}?`
  }

  return ''
}
