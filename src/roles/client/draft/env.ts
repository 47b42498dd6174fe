import { MeshmarkError } from '../../../model/errors.ts'

/** `KEY=VALUE` each. Throws a usage error. */
export function readEnv (pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map(pair => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair)

    if (match == null) {
      throw new MeshmarkError('usage', `--env '${pair}' is not KEY=VALUE: write e.g. --env THREADS=4`)
    }

    return [match[1], match[2]]
  }))
}
