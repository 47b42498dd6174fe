import { readSync, writeSync } from 'node:fs'

/** Longer than any file that is read here, of those with a page of their own. */
const BYTES = 4_096

const RESET = Buffer.from('0')

/** A number in a file of a control group, read again and again from one descriptor. */
export class CounterFile {
  readonly #fd: number
  readonly #word: string | undefined
  readonly #unit: number
  readonly #buffer = Buffer.alloc(BYTES)

  /**
   * @param word - the number is in the line that begins with it; absent: it is all there is
   * @param unit - what it is multiplied by
   */
  constructor (fd: number, word?: string, unit = 1) {
    this.#fd = fd
    this.#word = word == null ? undefined : `${word} `
    this.#unit = unit
  }

  /** Throws when the number is not there. */
  read (): number {
    return parseCounter(this.#buffer.toString('latin1', 0, readSync(this.#fd, this.#buffer, 0, BYTES, 0)), this.#word) * this.#unit
  }

  /** Of a peak: it begins anew. */
  reset (): void {
    writeSync(this.#fd, RESET, 0, RESET.length, 0)
  }
}

/** The whole number behind `word ` at the beginning of a line, or of the text when there is no word. */
export function parseCounter (text: string, word = ''): number {
  // oom_kill is also the beginning of oom_kill_disable: the space belongs to the word.
  const at = text.startsWith(word) ? word.length : text.indexOf(`\n${word}`) + 1 + word.length
  const value = at > word.length || text.startsWith(word) ? parseInt(text.slice(at, at + 20), 10) : NaN

  if (!(value >= 0)) {
    throw new Error(`no counter ${word.trim()} in a control group`)
  }

  return value
}
