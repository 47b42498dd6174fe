/**
 * A line for a POSIX shell that means exactly these words, and that is safe to
 * paste: characters that a terminal would act on, or that hide what a line
 * says, are spelled out by printf. Pure.
 */
export function shellLine (words: readonly string[]): string {
  return words.map(shellWord).join(' ')
}

/** What needs no quotes anywhere in a line. A `~` or `=` does at its beginning. */
const PLAIN = /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./~-]*$/

/** Control characters but the newline, and those that change direction or have no width. */
const UNSEEN = /((?:(?!\n)[\p{Cc}\p{Cf}\u2028\u2029])+)/u

export function shellWord (word: string): string {
  if (PLAIN.test(word)) {
    return word
  }

  const parts = word.split(UNSEEN).map((part, index) => index % 2 === 1 ? spelled(part) : part === '' ? '' : quoted(part))

  return parts.join('') === '' ? "''" : parts.join('')
}

function quoted (text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** No newline is among them: the shell would take it from the end. */
function spelled (text: string): string {
  return `"$(printf '${[...new TextEncoder().encode(text)].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')}')"`
}
