import { printableLines } from '../../model/text.ts'

/** Markup that is finished; only `html` and `trusted` make it. */
export class Html {
  readonly #text: string

  constructor (text: string) {
    this.#text = text
  }

  toString (): string {
    return this.#text
  }
}

/** What a template takes: text is escaped, markup is not, lists are joined, nothing stays nothing. */
export type Value = Html | string | number | undefined | null | false | readonly Value[]

/** Longer than anything that is shown in one place; who shows it cuts it first. */
const MAX_TEXT = 1_000_000

/**
 * Escapes everything that is put into it, by construction: a name or an output
 * can become neither markup nor the end of a quoted attribute, and no control
 * or mark of direction survives. Attributes must be quoted by `"`.
 */
export function html (strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.map((string, at) => at === 0 ? string : markupOf(values[at - 1]) + string).join(''))
}

/** Only for what this program has written itself: style, script, drawings whose texts are escaped. */
export function trusted (text: string): Html {
  return new Html(text)
}

function markupOf (value: Value): string {
  if (value == null || value === false) {
    return ''
  }

  if (value instanceof Html) {
    return value.toString()
  }

  return typeof value === 'string' || typeof value === 'number' ? escape(String(value)) : value.map(markupOf).join('')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' }

function escape (text: string): string {
  return printableLines(text, MAX_TEXT).replace(/[&<>"'`]/g, character => ENTITIES[character] ?? '')
}
