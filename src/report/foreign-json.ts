import { MeshmarkError } from '../model/errors.ts'
import { printable } from '../model/text.ts'

/** Of a value in an error message. */
const MAX_SHOWN = 40

/**
 * A value of a JSON file that somebody else may have written, and the way to
 * it. Whatever is asked of it that it is not becomes an error that names the
 * file, the field and what it should be.
 */
export class ForeignValue {
  constructor (readonly value: unknown, readonly file: string, readonly path = '') {}

  /** A key of an object that must be there. */
  at (key: string): ForeignValue {
    const found = this.find(key)

    if (found == null) {
      throw new MeshmarkError('usage', `${this.file}: ${this.#under(key)} is missing`)
    }

    return found
  }

  /** A key of an object; undefined when it is absent or null, as hyperfine writes what it does not know. */
  find (key: string): ForeignValue | undefined {
    const { value } = this

    if (typeof value !== 'object' || value == null || Array.isArray(value)) {
      this.fail('an object')
    }

    const found: unknown = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined

    return found == null ? undefined : new ForeignValue(found, this.file, this.#under(key))
  }

  items (max: number, min = 0): ForeignValue[] {
    const { value } = this

    if (!Array.isArray(value) || value.length > max || value.length < min) {
      this.fail(`a list of ${min} to ${max} entries`)
    }

    return value.map((item, index) => new ForeignValue(item, this.file, `${this.path}[${index}]`))
  }

  /** The keys of an object and their values, which must be texts. */
  texts (max: number, maxLength: number): Record<string, string> {
    const { value } = this

    if (typeof value !== 'object' || value == null || Array.isArray(value) || Object.keys(value).length > max) {
      this.fail(`an object of at most ${max} texts`)
    }

    return Object.fromEntries(Object.keys(value).map(key => [key, this.at(key).text(maxLength)]))
  }

  /** @param max - characters */
  text (max: number): string {
    const { value } = this

    return typeof value === 'string' && value.length <= max ? value : this.fail(`a text of at most ${max} characters`)
  }

  number (): number {
    const { value } = this

    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail('a number')
  }

  /** A finite number that is not negative: times and sizes. */
  amount (): number {
    const { value } = this

    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : this.fail('a number that is not negative')
  }

  count (max = Number.MAX_SAFE_INTEGER): number {
    const { value } = this

    return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max ? Number(value) : this.fail('a whole number')
  }

  flag (): boolean {
    const { value } = this

    return typeof value === 'boolean' ? value : this.fail('true or false')
  }

  /** Says what stands here and what should. */
  fail (wanted: string): never {
    throw new MeshmarkError('usage', `${this.file}: ${this.path === '' ? 'its content' : printable(this.path, 100)} is ${describe(this.value)}: it must be ${wanted}`)
  }

  #under (key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`
  }
}

/** @param file - what errors call it */
export function parseForeign (text: string, file: string): ForeignValue {
  try {
    // A mark at the beginning, as some editors put it, is no JSON.
    return new ForeignValue(JSON.parse(text.replace(/^\ufeff/, '')), file)
  } catch (err) {
    throw new MeshmarkError('usage', `${file} is not JSON: ${printable((err as Error).message, 120)}`, { cause: err })
  }
}

function describe (value: unknown): string {
  if (Array.isArray(value)) {
    return `a list of ${value.length}`
  }

  return typeof value === 'object' && value != null ? 'an object' : printable(JSON.stringify(value) ?? 'nothing', MAX_SHOWN)
}
