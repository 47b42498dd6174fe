import { split } from 'shlex'
import { MeshmarkError } from '../model/errors.ts'
import type { Program } from '../model/job.ts'

/** One command as typed, before any file has been looked at. */
export interface CommandWords {
  argv: string[]
  /** Shown instead of argv. */
  title?: string
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
 * stands on the command line itself.
 */
export function collectCommands (words: readonly string[], commands: readonly string[], options: { shell?: boolean, names?: readonly string[] } = {}): CommandWords[] {
  const all = options.shell === true
    ? [...commands, ...(words.length === 0 ? [] : [words.join(' ')])].map(throughShell)
    : [...commands.map(text => ({ argv: splitCommand(text) })), ...(words.length === 0 ? [] : [{ argv: [...words] }])]
  const names = options.names ?? []

  if (all.length === 0) {
    throw new MeshmarkError('usage', 'no program: write its name or path after the options, e.g. meshmark run ./program ARG')
  }

  if (names.length > all.length) {
    throw new MeshmarkError('usage', `--command-name '${names[all.length]}' has no command to name: there ${all.length === 1 ? 'is 1' : `are ${all.length}`}`)
  }

  return all.map((command, index) => names[index] == null ? command : { ...command, title: names[index] })
}

function throughShell (text: string): CommandWords {
  if (text.trim() === '') {
    throw new MeshmarkError('usage', 'the command for the shell is empty')
  }

  return { argv: ['sh', '-c', text], title: text }
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
