import { split } from 'shlex'
import { MeshmarkError } from '../../../model/errors.ts'
import { type Hooks, MAX_COMMANDS, type Program } from '../../../model/job.ts'
import { checkTitle, fitTitle, tellApart } from './command-titles.ts'
import { checkHooks, type HookOptions, hooksOf } from './hooks.ts'
import { combinationsOf, type Fill, filler, type Parameter } from './parameters.ts'

/** One command as typed, before any file has been looked at. */
export interface CommandWords {
  argv: string[]
  /** Shown instead of argv. */
  title?: string
  hooks?: Hooks
  parameters?: Record<string, string>
}

export interface CommandOptions {
  shell?: boolean
  names?: readonly string[]
  hooks?: HookOptions
  parameters?: readonly Parameter[]
}

/** Splits `CMD 'ARG 1' ARG2` as a shell would, without a shell: nothing is expanded. */
export function splitCommand (text: string): string[] {
  const argv = splitWords(text)

  if (argv[0] == null || argv[0] === '') {
    throw new MeshmarkError('usage', `command '${text}' is empty: name a program`)
  }

  return argv
}

function splitWords (text: string): string[] {
  try {
    return split(text)
  } catch (err) {
    throw new MeshmarkError('usage', `command ${text} has a quote or a backslash without its other end`, { cause: err })
  }
}

/**
 * The commands of a job: those of `--command` in order, then the one that
 * stands on the command line itself; all of them for the first values of the
 * parameters, then for the next. A value is put in before a line is split, so
 * it may hold several words of it.
 */
export function collectCommands (words: readonly string[], lines: readonly string[], options: CommandOptions = {}): CommandWords[] {
  const { shell = false, names = [], hooks = {}, parameters = [] } = options
  const patterns = shell
    ? [...lines, ...(words.length === 0 ? [] : [words.join(' ')])].map(line => (fill: Fill) => throughShell(fill(line)))
    : [...lines.map(line => (fill: Fill) => ({ argv: splitCommand(fill(line)) })), ...(words.length === 0 ? [] : [(fill: Fill) => ({ argv: words.map(fill) })])]
  const count = parameters.reduce((product, { values }) => product * values.length, patterns.length)

  if (count === 0) {
    throw new MeshmarkError('usage', 'no program: write its name or path after the options, e.g. meshmark run ./program ARG')
  }

  if (count > MAX_COMMANDS) {
    throw new MeshmarkError('usage', `${count} commands are more than the ${MAX_COMMANDS} that one job can have: submit several jobs`)
  }

  checkNames(names, count, parameters.length > 0)
  checkHooks(hooks, count)

  const commands = combinationsOf(parameters)
    .flatMap(values => patterns.map(pattern => ({ pattern, values, fill: filler(values) })))
    .map(({ pattern, values, fill }, index) => {
      // One name does for all commands that come of parameters.
      const name = names[index] ?? (parameters.length > 0 ? names[0] : undefined)
      const own = hooksOf(hooks, index, fill)

      return {
        ...pattern(fill),
        ...(name == null ? {} : { title: checkTitle(fill(name)) }),
        ...(own == null ? {} : { hooks: own }),
        ...(parameters.length === 0 ? {} : { parameters: values })
      }
    })

  return tellApart(commands)
}

function checkNames (names: readonly string[], commands: number, parametrised: boolean): void {
  if (names.length > commands) {
    throw new MeshmarkError('usage', `--command-name '${names[commands]}' has no command to name: there ${commands === 1 ? 'is 1' : `are ${commands}`}`)
  }

  if (parametrised && names.length > 1 && names.length !== commands) {
    throw new MeshmarkError('usage', `--command-name is there ${names.length} times, and the parameters make ${commands} commands: write one name, with {VAR} in it, or one for each command`)
  }
}

function throughShell (text: string): CommandWords {
  if (text.trim() === '') {
    throw new MeshmarkError('usage', 'the command for the shell is empty')
  }

  return { argv: ['sh', '-c', text], title: fitTitle(text) }
}

/** What the first word means: `worker:/path`, a path of this machine, or a program of the worker. */
export type ProgramWord =
  | Extract<Program, { kind: 'name' | 'worker' }>
  | { kind: 'local', path: string }

export function readProgram (word: string): ProgramWord {
  if (word.startsWith('worker:')) {
    const path = word.slice('worker:'.length)

    if (!path.startsWith('/')) {
      throw new MeshmarkError('usage', `'${word}' needs the whole path on the worker: write worker:/${path}`)
    }

    return { kind: 'worker', path }
  }

  if (word.includes('/')) {
    return { kind: 'local', path: word }
  }

  if (word === '') {
    throw new MeshmarkError('usage', 'the program\'s name is empty')
  }

  if (/\s/.test(word)) {
    throw new MeshmarkError('usage', `'${word}' is taken for the name of one program: leave the quotes out, or write --command '${word}'`)
  }

  return { kind: 'name', name: word }
}
