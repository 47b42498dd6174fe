import { MeshmarkError } from '../model/errors.ts'
import { meaningOf, REQUIREMENTS, type Requirement } from '../model/requirements.ts'
import { ListOption, splitCommas } from './list-option.ts'

export function requireOption (): ListOption {
  return new ListOption('--require <protections>', `only in a sandbox with these: ${REQUIREMENTS.join(', ')}`, splitCommas)
}

/** For the end of a command's help: what each word asks for. */
export function requirementHelp (): string {
  const width = Math.max(...REQUIREMENTS.map(word => word.length)) + 3

  return `With --require a worker runs the job only if its sandbox has\n${REQUIREMENTS.map(word => `  ${word.padEnd(width)}${meaningOf(word)}`).join('\n')}`
}

/** The words, each once. Throws a usage error that lists them all. */
export function readRequirements (words: readonly string[] | undefined): Requirement[] {
  if (words == null) {
    return []
  }

  // A variable that was never set must not pass for a job that asks for nothing.
  if (words.length === 0) {
    throw new MeshmarkError('usage', `--require names no protection: it can be ${REQUIREMENTS.join(', ')}`)
  }

  return [...new Set(words.map(word => word.trim()))].map(word => {
    const known = REQUIREMENTS.find(requirement => requirement === word)

    if (known == null) {
      throw new MeshmarkError('usage', `--require '${word}' is no protection of a sandbox: it can be ${REQUIREMENTS.join(', ')}`)
    }

    return known
  })
}
