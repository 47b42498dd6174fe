import { MeshmarkError } from '../model/errors.ts'

/** `3.11..`, `..3.12`, `3.11..3.13`, `3.11`, or `..` for any. Parts of version numbers; an end that is open is undefined. */
export interface VersionRange { low?: number[], high?: number[] }

/** What version numbers are written like; nine digits are more than any has. */
const PARTS = /^\d{1,9}(\.\d{1,9}){0,7}$/

/** Throws a usage error that begins with `what`. */
export function parseVersionRange (text: string, what: string): VersionRange {
  const at = text.indexOf('..')
  const [from, to] = at === -1 ? [text, text] : [text.slice(0, at), text.slice(at + 2)]
  const range = { low: from === '' ? undefined : parts(from, what), high: to === '' ? undefined : parts(to, what) }

  if (range.low != null && range.high != null && isAbove(range.low, range.high)) {
    throw new MeshmarkError('usage', `${what} '${text}' is not a range: write e.g. 3.11.. or 3.11..3.13, the smaller end first`)
  }

  return range
}

/**
 * Compared part by part as numbers, so that 3.9 is below 3.11. What an end does
 * not name is free: 3.13.2 is within ..3.13, and within 3.13.
 */
export function versionInRange (version: string, { low, high }: VersionRange): boolean {
  const own = (/^\d{1,9}(\.\d{1,9})*/.exec(version)?.[0] ?? '').split('.').filter(part => part !== '').map(Number)

  if (own.length === 0) {
    return low == null && high == null
  }

  return (low == null || compare(own, low) >= 0) && (high == null || !isAbove(own, high))
}

function parts (text: string, what: string): number[] {
  if (!PARTS.test(text)) {
    throw new MeshmarkError('usage', `${what} '${text}' is not a version: write numbers with dots, e.g. 3.11`)
  }

  return text.split('.').map(Number)
}

/** Beyond everything that the end stands for. */
function isAbove (version: readonly number[], end: readonly number[]): boolean {
  return compare(version.slice(0, end.length), end) > 0
}

function compare (a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)

    if (difference !== 0) {
      return difference
    }
  }

  return 0
}
