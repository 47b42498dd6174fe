import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { MeshmarkError, toError } from '../model/errors.ts'
import { buildCommand } from './build.ts'
import { processContext } from './common/context.ts'
import { optionKey } from './common/option-names.ts'
import { COMMANDS } from './commands.ts'

export interface Config {
  file: string
  /** Option name -> value as written. */
  values: Map<string, unknown>
}

/** MESHMARK_CONFIG, else config.yaml in the user's configuration folder. */
export function configFile (env: NodeJS.ProcessEnv): string {
  return env.MESHMARK_CONFIG ?? join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'meshmark', 'config.yaml')
}

/**
 * What the file says for one command: its own section before the keys at the
 * top, which hold for every command that has such an option.
 */
export async function readConfig (command: string, env: NodeJS.ProcessEnv): Promise<Config> {
  const file = configFile(env)

  if (!existsSync(file)) {
    if (env.MESHMARK_CONFIG != null) {
      throw new MeshmarkError('usage', `MESHMARK_CONFIG names ${file}, which does not exist`)
    }

    return { file, values: new Map() }
  }

  const content = await parse(file)
  const known = await knownKeys()

  check(file, content, known)

  const section = content[command]

  return { file, values: new Map([...Object.entries(content), ...Object.entries(isMapping(section) ? section : {})]) }
}

async function parse (file: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml')
  let content: unknown

  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (err) {
    // The parser shows the place too, in lines of its own.
    throw new MeshmarkError('usage', `${file} cannot be read: ${(toError(err).message.split('\n')[0] ?? '').replace(/:$/, '')}`, { cause: err })
  }

  if (content != null && !isMapping(content)) {
    throw new MeshmarkError('usage', `${file} must hold keys and values, e.g. runs: 20`)
  }

  return content ?? {}
}

function check (file: string, content: Record<string, unknown>, known: Map<string, Set<string>>): void {
  const anywhere = new Set([...known.values()].flatMap(keys => [...keys]))

  for (const [key, value] of Object.entries(content)) {
    const section = known.get(key)

    if (section != null && isMapping(value)) {
      const unknown = Object.keys(value).find(key => !section.has(key))

      if (unknown != null) {
        throw new MeshmarkError('usage', `${file}: '${unknown}' is not an option of '${key}'; see meshmark ${key} --help`)
      }
    } else if (!anywhere.has(key)) {
      throw new MeshmarkError('usage', `${file}: '${key}' is not an option of any command; see meshmark --help`)
    }
  }
}

/** Command -> names of its options, those of its subcommands included. */
async function knownKeys (): Promise<Map<string, Set<string>>> {
  const known = new Map<string, Set<string>>()

  for (const { name } of COMMANDS) {
    known.set(name, new Set(optionsOf(await buildCommand(name, processContext()))))
  }

  return known
}

function optionsOf (command: Command): string[] {
  return [...command.options.map(optionKey), ...command.commands.flatMap(optionsOf)]
}

function isMapping (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value != null && !Array.isArray(value)
}
