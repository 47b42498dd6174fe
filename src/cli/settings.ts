import type { Command, Option } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { readConfig } from './config.ts'
import type { Context } from './common/context.ts'
import { mayStandAlone } from './common/join-words.ts'
import { ListOption } from './common/list-option.ts'
import { environmentName, optionKey } from './common/option-names.ts'

/**
 * Gives every option that was not typed the value of its environment variable,
 * else of the configuration file; the default stays otherwise.
 */
export async function applySettings (command: Command, name: string, context: Context): Promise<void> {
  const config = await readConfig(name, context.env)

  for (const option of command.options) {
    // Only a name can be set elsewhere; -N has none.
    if (option.long == null || command.getOptionValueSource(option.attributeName()) === 'cli') {
      continue
    }

    const variable = environmentName(option)
    const fromEnvironment = context.env[variable]

    if (fromEnvironment != null && fromEnvironment !== '') {
      set(command, option, fromEnvironment, variable, 'env')
    } else if (config.values.has(optionKey(option))) {
      set(command, option, config.values.get(optionKey(option)), `${optionKey(option)} in ${config.file}`, 'config')
    }
  }

  context.quiet = command.opts().quiet === true
}

function set (command: Command, option: Option, value: unknown, where: string, source: 'env' | 'config'): void {
  command.setOptionValueWithSource(option.attributeName(), convert(option, value, where), source)
}

function convert (option: Option, value: unknown, where: string): unknown {
  if (option.isBoolean() || option.negate) {
    const on = readSwitch(value, where)

    return option.negate ? !on : on
  }

  // As the bare flag does.
  const words = mayStandAlone(option) && value === true ? [String(option.presetArg)] : readWords(option, value, where)

  if (option.argChoices != null) {
    const wrong = words.find(word => option.argChoices?.includes(word) === false)

    if (wrong != null) {
      throw new MeshmarkError('usage', `${where} is '${wrong}': it can be ${option.argChoices.join(', ')}`)
    }
  }

  try {
    return words.reduce<unknown>((previous, word) => option.parseArg == null ? word : option.parseArg(word, previous as never), undefined)
  } catch (err) {
    throw new MeshmarkError('usage', `${where}: ${(err as Error).message}`, { cause: err })
  }
}

function readSwitch (value: unknown, where: string): boolean {
  switch (String(value).toLowerCase()) {
    case '1': case 'true': case 'yes': case 'on': return true
    case '0': case 'false': case 'no': case 'off': return false
    default: throw new MeshmarkError('usage', `${where} is '${String(value)}': it can be 1 or 0, true or false`)
  }
}

function readWords (option: Option, value: unknown, where: string): string[] {
  const isList = option instanceof ListOption

  if (typeof value === 'string') {
    return isList ? value.split('\n').filter(line => line !== '') : [value]
  }

  if (typeof value === 'number' || typeof value === 'boolean') {
    return [String(value)]
  }

  if (isList && Array.isArray(value) && value.every(item => typeof item === 'string' || typeof item === 'number')) {
    return value.map(String)
  }

  throw new MeshmarkError('usage', `${where} must be ${isList ? 'a text or a list of texts' : 'one text or number'}`)
}
