/** The end of what one task has printed. */
export interface Output {
  /** In the order in which it came; each the text of one stream. */
  pieces: ReadonlyArray<{ stream: 'stdout' | 'stderr', text: string }>
  /** Characters in them. */
  size: number
  /** Characters that came before them and are not kept. */
  dropped: number
  /** The beginning of a character whose rest has not come, by stream. */
  pending: Readonly<Record<string, Uint8Array>>
}

/** Characters that are kept of one task. */
export const KEPT = 128 * 1024

/** Of them: a program can write to one stream and the other by turns, a character each. */
export const MAX_PIECES = 400

export const NO_OUTPUT: Output = { pieces: [], size: 0, dropped: 0, pending: {} }

const REPLACING = new TextDecoder('utf-8')

/** Adds what came; the oldest goes when it is too much. Pure. */
export function addOutput (output: Output, stream: 'stdout' | 'stderr', data: { text: string } | { base64: string }): Output {
  const { text, rest } = 'text' in data ? { text: data.text, rest: EMPTY } : decode(output.pending[stream] ?? EMPTY, bytesOf(data.base64))
  const kept = text.slice(-KEPT)
  const last = output.pieces.at(-1)
  const pieces = last?.stream === stream && last.text.length + kept.length < KEPT / 8
    ? [...output.pieces.slice(0, -1), { stream, text: last.text + kept }]
    : [...output.pieces, { stream, text: kept }]
  let size = output.size + kept.length
  let dropped = output.dropped + text.length - kept.length

  while ((size > KEPT || pieces.length > MAX_PIECES) && pieces.length > 1) {
    const { length } = pieces.shift()!.text

    size -= length
    dropped += length
  }

  return { pieces, size, dropped, pending: { ...output.pending, [stream]: rest } }
}

const EMPTY = new Uint8Array()

function decode (before: Uint8Array, bytes: Uint8Array): { text: string, rest: Uint8Array } {
  const all = new Uint8Array(before.length + bytes.length)

  all.set(before)
  all.set(bytes, before.length)

  const whole = all.length - unfinished(all)

  return { text: REPLACING.decode(all.subarray(0, whole)), rest: all.slice(whole) }
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
