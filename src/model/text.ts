/**
 * Controls of a terminal (C0, DEL, C1, which begin escape sequences), breaks
 * of a line, and the marks that turn the direction of text: none of them may
 * reach a terminal or a log line from a name or an output that somebody else
 * chose.
 */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Text from a stranger made fit for one line on a terminal: unsafe characters become `?`, and it is cut to `max` characters. */
export function printable (text: string, max = 200): string {
  // Cut first: what follows is linear in the text, and the text may be huge.
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text

  return cut.replace(UNSAFE, '?').toWellFormed()
}

/** The same of a text with lines, which stay; a tab becomes two spaces. Escape sequences of a terminal vanish whole. */
export function printableLines (text: string, max: number): string {
  const cut = text.length > max ? text.slice(0, max) : text

  return cut.replace(SEQUENCE, '').replace(/\r\n?/g, '\n').replaceAll('\t', '  ').split('\n').map(line => printable(line, max)).join('\n')
}

/** Colours and the like as ECMA-48 has them, each bounded, so that one without an end hides nothing. */
// eslint-disable-next-line no-control-regex
const SEQUENCE = /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0080-\u009f\n]{0,2048}(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]{0,4}[0-~]/g

/** Bytes as UTF-8, also where there is no Buffer. */
export function byteLength (text: string): number {
  return new TextEncoder().encode(text).byteLength
}

/** A quantity of things: `1 worker`, `3 workers`. */
export function counted (count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
