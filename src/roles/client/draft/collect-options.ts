import { DEFAULT_COLLECT_BYTES, MAX_COLLECT_BYTES, MAX_PATTERNS } from '../../../model/collect.ts'
import { MeshmarkError, toError } from '../../../model/errors.ts'
import { Glob } from '../../../model/glob.ts'
import { formatBytes } from '../../../model/units.ts'
import type { Collect } from '../../../model/collect.ts'

export interface CollectOptions {
  /** Patterns of files that are brought back. */
  collect?: string[]
  /** Bytes of all files of one task. */
  collectMax?: number
}

/** Which files are brought back; throws `usage`. */
export function collectOf ({ collect = [], collectMax }: CollectOptions): Collect | undefined {
  if (collect.length === 0) {
    if (collectMax != null) {
      throw new MeshmarkError('usage', '--collect-max has a meaning only for files that are brought back: add --collect PATTERN')
    }

    return undefined
  }

  if (collect.length > MAX_PATTERNS) {
    throw new MeshmarkError('usage', `${collect.length} patterns, and --collect takes ${MAX_PATTERNS}: put the files into one folder, and write --collect out/`)
  }

  for (const pattern of collect) {
    try {
      // eslint-disable-next-line no-new
      new Glob(pattern.replace(/^(\.\/+)+/, ''))
    } catch (err) {
      throw new MeshmarkError('usage', `--collect '${pattern}': ${toError(err).message}`, { cause: err })
    }
  }

  if (collectMax != null && (collectMax < 1 || collectMax > MAX_COLLECT_BYTES)) {
    throw new MeshmarkError('usage', `--collect-max is ${formatBytes(collectMax)}, and 1 byte to ${formatBytes(MAX_COLLECT_BYTES)} are possible`)
  }

  return { patterns: collect.map(pattern => pattern.replace(/^(\.\/+)+/, '')), maxBytes: collectMax ?? DEFAULT_COLLECT_BYTES }
}
