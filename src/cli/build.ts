import { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import type { Context } from './common/context.ts'
import { COMMANDS } from './commands.ts'

/** The command with its options and its action, ready to parse. */
export async function buildCommand (name: string, context: Context): Promise<Command> {
  const entry = COMMANDS.find(entry => entry.name === name)

  if (entry == null) {
    throw new MeshmarkError('usage', `unknown command '${name}'`)
  }

  const command = new Command(`meshmark ${name}`)
    .exitOverride()
    .configureOutput({
      writeOut: text => { context.stdout.write(text) },
      // What commander would say of an error comes out in our own line instead.
      writeErr: () => {},
      getOutHelpWidth: () => Math.min(context.stdout.columns || 100, 110)
    })
    .helpOption('-h, --help', 'what you are reading')
    .description(`${entry.summary[0]?.toUpperCase()}${entry.summary.slice(1)}${entry.summary.endsWith('?') ? '' : '.'}`)

  const { define } = await entry.load()

  define(command, context)

  return command
}
