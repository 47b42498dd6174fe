import { collectCommands } from '../../roles/client/draft/command-words.ts'
import { linesOf, type Form } from './form.ts'
import { parametersOfValues, patternOf } from './patterns.ts'
import { lineText } from './texts.ts'
import type { Command, Hooks } from '../../model/job.ts'

/** A command as it would be typed today; `title` is what it is called, where it is not called as it is typed. */
export type TypedCommand = Pick<Command, 'argv' | 'hooks' | 'parameters'> & { title?: string }

type Lines = Pick<Form, 'commands'> & Partial<Form>

const HOOKS = ['setup', 'prepare', 'conclude', 'cleanup'] as const

/** Each command as a line of its own. What of their hooks cannot be said so is told in `left`. */
export function singleLines (commands: readonly TypedCommand[], isShell: boolean, left: string[]): Lines {
  if (commands.some(({ parameters }) => parameters != null)) {
    left.push('its parameters: each of the commands that they made stands here by itself')
  }

  const texts: Partial<Form> = {}

  for (const hook of HOOKS) {
    const lines = hookLines(commands, hook)
    const said = new Set(lines).size === 1 ? lines[0]! : listed(hook, lines)

    if (said == null) {
      left.push(`--${hook}, which is another line for each command`)
    } else if (said !== '') {
      texts[hook] = said
    }
  }

  return { ...texts, commands: commands.map(({ argv }) => isShell ? argv[2]! : lineText(argv)) }
}

/**
 * The lines with `{NAME}` that these commands were made of; undefined when none
 * are found that make just these.
 *
 * @param names - that they are given, where they are
 */
export function patternLines (commands: readonly TypedCommand[], isShell: boolean, names: readonly string[]): Lines | undefined {
  const parameters = parametersOfValues(commands.map(({ parameters }) => parameters))

  if (parameters == null || parameters.some(({ name, values }) => /\s/.test(name) || values.some(value => /[\r\n]/.test(value)))) {
    return undefined
  }

  const values = commands.map(({ parameters = {} }) => parameters)
  const each = commands.length / parameters.reduce((product, { values }) => product * values.length, 1)
  const lines = Array.from({ length: each }, (_, first) => {
    const own = commands.map((_, index) => index).filter(index => index % each === first)

    return linePattern(own.map(index => commands[index]!.argv), own.map(index => values[index]!), isShell)
  })
  const hooks = HOOKS.map(hook => {
    const lines = hookLines(commands, hook)

    return [hook, patternOf(lines, values) ?? listed(hook, lines)] as const
  })

  if (lines.includes(undefined) || hooks.some(([, said]) => said == null)) {
    return undefined
  }

  const said = Object.fromEntries(hooks.filter(([, said]) => said !== '')) as Partial<Record<keyof Hooks, string>>
  const form: Lines = {
    ...said,
    commands: lines as string[],
    parameterList: parameters.map(({ name, values }) => `${name} ${values.map(value => value.replace(/[\\,]/g, '\\$&')).join(',')}`).join('\n')
  }

  return isMadeOf(commands, collectAgain(form, { isShell, names, parameters })) ? form : undefined
}

function linePattern (argvs: ReadonlyArray<readonly string[]>, values: ReadonlyArray<Record<string, string>>, isShell: boolean): string | undefined {
  if (isShell) {
    return patternOf(argvs.map(argv => argv[2]!), values)
  }

  const [first = []] = argvs
  const words = first.map((_, at) => patternOf(argvs.map(argv => argv[at] ?? ''), values))

  return argvs.every(({ length }) => length === first.length) && !words.includes(undefined) ? lineText(words as string[]) : undefined
}

function collectAgain ({ commands, setup, prepare = '', conclude = '', cleanup }: Lines, { isShell, names, parameters }: { isShell: boolean, names: readonly string[], parameters: NonNullable<ReturnType<typeof parametersOfValues>> }): ReturnType<typeof collectCommands> {
  try {
    return collectCommands([], commands, { shell: isShell, names, parameters, hooks: { setup, prepare: linesOf(prepare), conclude: linesOf(conclude), cleanup } })
  } catch {
    return []
  }
}

function isMadeOf (commands: readonly TypedCommand[], made: readonly TypedCommand[]): boolean {
  const plain = ({ argv, title = '', hooks = {}, parameters = {} }: TypedCommand): unknown => [argv, title, HOOKS.map(hook => hooks[hook] ?? ''), Object.entries(parameters).sort(([a], [b]) => a < b ? -1 : 1)]

  return JSON.stringify(commands.map(plain)) === JSON.stringify(made.map(plain))
}

function hookLines (commands: readonly TypedCommand[], hook: keyof Hooks): string[] {
  return commands.map(({ hooks }) => hooks?.[hook] ?? '')
}

/** A line for each command, where a hook may have that; undefined where it may not. */
function listed (hook: keyof Hooks, lines: readonly string[]): string | undefined {
  return (hook === 'prepare' || hook === 'conclude') && lines.every(line => line !== '' && !line.includes('\n')) ? lines.join('\n') : undefined
}
