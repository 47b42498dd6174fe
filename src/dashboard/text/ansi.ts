/** A piece of text that looks the same throughout. Colours are those of a terminal, 0 to 15. */
export interface Span {
  text: string
  fg?: number
  bg?: number
  bold?: boolean
  dim?: boolean
  italic?: boolean
  underline?: boolean
}

type Look = Omit<Span, 'text'>

/** Spans of one text: a program can change its colours with every character, a browser cannot show that many. */
export const MAX_SPANS = 2_000

/**
 * Escape sequences as ECMA-48 has them, each bounded, so that one without an
 * end hides nothing: CSI, the strings (OSC, DCS, SOS, PM, APC) on one line,
 * those of two or three characters.
 */
// eslint-disable-next-line no-control-regex
const SEQUENCE = /(?:\u001b\[|\u009b)([0-?]{0,64})[ -/]{0,8}([@-~])|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0080-\u009f\n]{0,2048}(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]{0,4}[0-~]/g

/** What is left of controls, marks that turn the direction of text, and what cannot be seen at all. */
// eslint-disable-next-line no-control-regex, no-misleading-character-class
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu

/** What a program has printed, as text with colours: no sequence of it does anything else. Pure. */
export function ansiSpans (text: string): Span[] {
  const spans: Span[] = []
  let look: Look = {}
  let from = 0

  for (const match of text.matchAll(SEQUENCE)) {
    add(spans, text.slice(from, match.index), look)
    from = match.index + match[0].length

    if (match[2] === 'm' && match[1] != null && /^[\d;:]*$/.test(match[1])) {
      look = applied(look, match[1])
    }
  }

  add(spans, text.slice(from), look)

  return spans
}

/** As a terminal shows it: what a bare carriage return goes back to is written over. */
export function settled (text: string): string {
  return text.split('\n').map(line => {
    let { length } = line

    while (line[length - 1] === '\r') {
      length--
    }

    const written = line.slice(0, length)

    return written.slice(written.lastIndexOf('\r') + 1)
  }).join('\n')
}

function add (spans: Span[], raw: string, look: Look): void {
  const text = raw.replace(UNSAFE, '\ufffd')
  const last = spans.at(-1)

  if (text === '') {
    return
  }

  if (last != null && (spans.length >= MAX_SPANS || sameLook(last, look))) {
    last.text += text
  } else {
    spans.push({ text, ...look })
  }
}

function sameLook (a: Look, b: Look): boolean {
  return a.fg === b.fg && a.bg === b.bg && a.bold === b.bold && a.dim === b.dim && a.italic === b.italic && a.underline === b.underline
}

function applied (look: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map(Number)
  let next = { ...look }

  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]!

    if (code === 0) {
      next = {}
    } else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1))

      next[code === 38 ? 'fg' : 'bg'] = colour
      at += used
    } else {
      Object.assign(next, SIMPLE[code] ?? plainColour(code))
    }
  }

  return next
}

const SIMPLE: Record<number, Look> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  22: { bold: undefined, dim: undefined },
  23: { italic: undefined },
  24: { underline: undefined },
  39: { fg: undefined },
  49: { bg: undefined }
}

function plainColour (code: number): Look {
  return code >= 30 && code <= 37
    ? { fg: code - 30 }
    : code >= 90 && code <= 97
      ? { fg: code - 82 }
      : code >= 40 && code <= 47
        ? { bg: code - 40 }
        : code >= 100 && code <= 107 ? { bg: code - 92 } : {}
}

/** Of 256 colours or of millions the nearest of the 16: those have a contrast that is known, in light and in dark. */
function extended ([kind, ...rest]: number[]): [number | undefined, number] {
  if (kind === 5) {
    return [nearest(paletteColour(rest[0] ?? 0)), 2]
  }

  return kind === 2 ? [nearest([rest[0] ?? 0, rest[1] ?? 0, rest[2] ?? 0]), 4] : [undefined, 1]
}

type Rgb = readonly [number, number, number]

const BASE: readonly Rgb[] = [
  [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
  [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255], [255, 255, 255]
]

function paletteColour (index: number): Rgb {
  if (index < 16) {
    return BASE[index] ?? [0, 0, 0]
  }

  if (index >= 232) {
    const grey = 8 + 10 * (index - 232)

    return [grey, grey, grey]
  }

  const level = (value: number): number => value === 0 ? 0 : 55 + 40 * value
  const cube = index - 16

  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]
}

function nearest ([red, green, blue]: Rgb): number {
  const distances = BASE.map(([r, g, b]) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2)

  return distances.indexOf(Math.min(...distances))
}
