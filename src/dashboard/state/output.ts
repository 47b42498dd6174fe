export interface Piece {
  stream: 'stdout' | 'stderr'
  text: string
  /** As they were printed. */
  bytes: number
}

/** The end of what one task has printed. */
export interface Output {
  /** In the order in which it came; each the text of one stream, and never empty. */
  pieces: readonly Piece[]
  /** How many came before them and are not kept: with it each has a number that stays its own. */
  gone: number
  /** Characters that are kept. */
  size: number
  /** Bytes that were printed before them and are not kept, or were not told here. */
  dropped: number
  /** How far each stream of each attempt was told, in bytes. */
  ends: Readonly<Record<string, number>>
  /** The beginning of a character whose rest has not come, by stream. */
  pending: Readonly<Record<string, Uint8Array>>
}

/** Characters that are kept of one task. */
export const KEPT = 128 * 1024

/** Of them: a program can write to one stream and the other by turns, a character each. */
export const MAX_PIECES = 400

export const NO_OUTPUT: Output = { pieces: [], gone: 0, size: 0, dropped: 0, ends: {}, pending: {} }

const REPLACING = new TextDecoder('utf-8')
const ENCODER = new TextEncoder()

export type Printed = { execution: string, stream: 'stdout' | 'stderr', offset: number } & ({ text: string } | { base64: string })

/** Adds what came; the oldest goes when it is too much. Pure. */
export function addOutput (output: Output, printed: Printed): Output {
  const { execution, stream, offset } = printed
  const data = 'text' in printed ? ENCODER.encode(printed.text) : bytesOf(printed.base64)
  const key = `${execution}/${stream}`
  const { text, bytes, rest } = decode(output.pending[stream] ?? EMPTY, data)
  const pending = { ...output.pending, [stream]: rest }
  const ends = { ...output.ends, [key]: offset + data.length }
  const missed = Math.max(0, offset - (output.ends[key] ?? 0))

  if (text === '') {
    return { ...output, dropped: output.dropped + missed, ends, pending }
  }

  const kept = text.slice(-KEPT)
  const lost = text.length === kept.length ? 0 : ENCODER.encode(text.slice(0, -KEPT)).length
  const pieces = joined(output.pieces, { stream, text: kept, bytes: bytes - lost })
  let { gone, size, dropped } = output

  size += kept.length
  dropped += missed + lost

  while ((size > KEPT || pieces.length > MAX_PIECES) && pieces.length > 1) {
    const first = pieces.shift()!

    gone++
    size -= first.text.length
    dropped += first.bytes
  }

  return { pieces, gone, size, dropped, ends, pending }
}

/** What is drawn again with every bit that comes to it: no longer than that. */
const MAX_GROWING = KEPT / 8

/** A line that has no end is cut somewhere. */
const MAX_LINE = 4_096

/** With one more piece, or the last one longer. */
function joined (pieces: readonly Piece[], next: Piece): Piece[] {
  const last = pieces.at(-1)
  const moved = last?.stream === next.stream ? goesOn(last.text, next.text.length) : ''

  if (last == null || moved === '') {
    return [...pieces, next]
  }

  const bytes = moved === last.text ? last.bytes : ENCODER.encode(moved).length
  const whole = { ...next, text: moved + next.text, bytes: bytes + next.bytes }

  return [...pieces.slice(0, -1), ...(moved === last.text ? [] : [{ ...last, text: last.text.slice(0, -moved.length), bytes: last.bytes - bytes }]), whole]
}

/** What of the last piece goes into the one after it: all of it, or else a line that has begun, because a line is drawn as a whole. */
function goesOn (text: string, added: number): string {
  if (text.length + added < MAX_GROWING) {
    return text
  }

  const line = text.slice(text.lastIndexOf('\n') + 1)

  return line.length <= Math.min(MAX_LINE, KEPT - added) ? line : ''
}

const EMPTY = new Uint8Array()

/** What is no character becomes U+FFFD; what begins one waits for its rest. */
function decode (before: Uint8Array, bytes: Uint8Array): { text: string, bytes: number, rest: Uint8Array } {
  const all = new Uint8Array(before.length + bytes.length)

  all.set(before)
  all.set(bytes, before.length)

  const whole = all.length - unfinished(all)

  return { text: REPLACING.decode(all.subarray(0, whole)), bytes: whole, rest: all.slice(whole) }
}

/** Bytes at the end that begin a character of UTF-8 and do not end it. */
function unfinished (bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!

    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2

      return length > back ? back : 0
    }

    if (byte < 0x80) {
      return 0
    }
  }

  return 0
}

function bytesOf (base64: string): Uint8Array {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)

  // a loop, because a call for each byte of 100 MB is a minute
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = text.charCodeAt(at)
  }

  return bytes
}
