/** A name must not become markup. */
export function escape (text: string): string {
  return text.replace(/[\\`*_[\]<>|~]/g, char => `\\${char}`)
}

/** Inside backticks only these two matter. */
export function code (text: string): string {
  return text.replaceAll('`', "'").replaceAll('|', '\\|')
}
