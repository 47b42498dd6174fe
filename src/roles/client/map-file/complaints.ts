import { MeshmarkError } from '../../../model/errors.ts'
import { printable } from '../../../model/text.ts'

/** What is wrong at one place of a file, and what to do. */
export interface Complaint {
  /** From 1; of what is no text, its place among all values, and 0. */
  line: number
  column: number
  /** Of what is no text: `lists[0].commands[2]`. */
  path?: string
  text: string
}

/** More than these only hide the first ones. */
const MAX_TOLD = 20
const MAX_TEXT = 500

/** Everything that is wrong with a file, at once: `lines` has `FILE:LINE:COLUMN: what`, or `FILE 'PATH': what`, in the order of the file. */
export class FileError extends MeshmarkError {
  readonly lines: string[]

  constructor (file: string, readonly complaints: readonly Complaint[]) {
    const told = complaints.slice(0, MAX_TOLD).map(({ line, column, path, text }) => `${path == null ? `${file}:${line}:${column}` : `${file}${path === '' ? '' : ` '${printable(path, MAX_TEXT)}'`}`}: ${printable(text, MAX_TEXT)}`)
    const more = complaints.length - told.length
    const lines = more > 0 ? [...told, `and ${more} more mistakes in ${file}`] : told

    super('usage', lines.join('\n'))
    this.lines = lines
  }
}

/** Collects what is wrong with one file. */
export class Complaints {
  readonly #file: string
  readonly #found: Complaint[] = []

  constructor (file: string) {
    this.#file = file
  }

  add (complaint: Complaint): void {
    this.#found.push(complaint)
  }

  get some (): boolean {
    return this.#found.length > 0
  }

  /** Throws a FileError when there is something to complain of. */
  raise (): void {
    if (this.some) {
      throw new FileError(this.#file, [...this.#found].sort((a, b) => a.line - b.line || a.column - b.column))
    }
  }
}
