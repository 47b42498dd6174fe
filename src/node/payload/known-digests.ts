import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import type { BigIntStats } from 'node:fs'

/** Digests of files that were read before, so that they need not be read again as long as nobody has touched them. */
export interface KnownDigests {
  /** Of each chunk; undefined when they are not known. Never rejects. */
  find: (key: string, count: number) => Promise<Uint8Array[] | undefined>
  /** Never rejects. */
  keep: (key: string, chunks: readonly Uint8Array[]) => Promise<void>
}

/** Reading less than this takes no time that anybody notices. */
export const MIN_KNOWN_BYTES = 16 * 1024 * 1024

/** The clock of a file system may stand still for so long: what was written to then may look as it did before. */
const SETTLED_MS = 2_000

/**
 * Stands for files as they are now, one after the other: hexadecimal. Any
 * write changes it, also one that sets size and time of writing back: the time
 * of the change of a file's data about itself cannot be set.
 */
export function digestsKey (chunkSize: number, files: ReadonlyArray<{ source: string, seen: BigIntStats }>): string {
  return createHash('sha256')
    .update(JSON.stringify([chunkSize, ...files.map(({ source, seen: { dev, ino, size, mtimeNs, ctimeNs } }) => [resolve(source), ...[dev, ino, size, mtimeNs, ctimeNs].map(String)])]))
    .digest('hex')
}

/** Nobody has written to them a moment ago. */
export function isSettled (files: ReadonlyArray<{ seen: BigIntStats }>, nowMs: number): boolean {
  return files.every(({ seen: { mtimeNs, ctimeNs } }) => Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n) < nowMs - SETTLED_MS)
}
