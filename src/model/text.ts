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
