import { isPayloadPath } from './payload.ts'
import type { PayloadManifest } from './payload.ts'

/** Files that are brought back from where a task ran. */
export interface Collect {
  /** Patterns of paths below the program's folder (glob.ts): `out/*`, `**` for any depth. */
  patterns: string[]
  /** Of all files of one task together; more is left where it is, and said. */
  maxBytes: number
}

/** What a task brought back; kept as a payload of its own. */
export interface Collected {
  /** Absent when no file fits the patterns. */
  payload?: PayloadManifest
  /** Why something that fits was not taken, in words. */
  skipped: string[]
}

export const MAX_PATTERNS = 64
export const DEFAULT_COLLECT_BYTES = 256 * 1024 * 1024
export const MAX_COLLECT_BYTES = 4 * 1024 * 1024 * 1024

/** Files that one task brings back. */
export const MAX_COLLECT_FILES = 1_024

/** Sentences about what was not taken; the last one counts the rest. */
export const MAX_SKIPPED = 64

/** A path as in a payload, whose names nobody needs to be afraid of on a terminal. */
export function isCollectedPath (path: string): boolean {
  return isPayloadPath(path) && path.isWellFormed() && !/\p{C}/u.test(path)
}
