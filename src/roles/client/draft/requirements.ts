import { MeshmarkError } from '../../../model/errors.ts'
import { REQUIREMENTS, type Requirement } from '../../../model/requirements.ts'

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
