/**
 * Patterns of paths, as a shell has them: `*` and `?` within one name, classes
 * like `[a-z]` and `[!0-9]`, and `**` for any number of folders. Unlike in a
 * shell a name that begins with a dot is one like any other.
 *
 * A pattern is matched name by name, and within a name by a scan that goes back
 * to the last `*` only: the time is bounded by the product of both lengths,
 * whatever is in them.
 */
export class Glob {
  readonly text: string
  readonly #names: ReadonlyArray<NamePattern | typeof ANY_DEPTH>

  /** Throws a RangeError that says what is wrong; `out/` means `out/**`. */
  constructor (text: string) {
    const names = (text.endsWith('/') ? `${text}**` : text).split('/')

    if (names.some(name => name === '' || name === '.' || name === '..') || /[\0\\]/.test(text)) {
      throw new RangeError('it must be a path inside the program\'s folder, without .., backslashes or a leading /')
    }

    this.text = text
    this.#names = names.map(name => name === '**' ? ANY_DEPTH : new NamePattern(name))
  }

  /** Where matching a path begins. */
  get start (): GlobState {
    return this.#close([0])
  }

  /** After one more name of the path. */
  next (state: GlobState, name: string): GlobState {
    const after: number[] = []

    for (const at of state) {
      const pattern = this.#names[at]

      if (pattern === ANY_DEPTH) {
        after.push(at)
      } else if (pattern?.matches(name) === true) {
        after.push(at + 1)
      }
    }

    return this.#close(after)
  }

  /** The path so far fits. */
  isMatch (state: GlobState): boolean {
    return state.has(this.#names.length)
  }

  /** Something below the path so far may fit. */
  goesOn (state: GlobState): boolean {
    return [...state].some(at => at < this.#names.length)
  }

  matches (path: string): boolean {
    return this.isMatch(path.split('/').reduce((state, name) => this.next(state, name), this.start))
  }

  /** `**` stands for no folder, too. */
  #close (positions: number[]): GlobState {
    const state = new Set<number>()

    for (const position of positions) {
      for (let at = position; !state.has(at); at++) {
        state.add(at)

        if (this.#names[at] !== ANY_DEPTH) {
          break
        }
      }
    }

    return state
  }
}

/** Positions in a pattern at which the rest of a path may go on. */
export type GlobState = ReadonlySet<number>

const ANY_DEPTH = Symbol('**')
const STAR = Symbol('*')

type Token = typeof STAR | ((character: string) => boolean)

class NamePattern {
  readonly #tokens: Token[]

  constructor (text: string) {
    this.#tokens = tokensOf([...text])
  }

  matches (name: string): boolean {
    const characters = [...name]
    const tokens = this.#tokens
    let at = 0
    let token = 0
    let star: { token: number, at: number } | undefined

    while (at < characters.length) {
      const wanted = tokens[token]

      if (wanted === STAR) {
        star = { token: ++token, at }
      } else if (wanted?.(characters[at]!) === true) {
        at++
        token++
      } else if (star != null) {
        // the last star takes one more
        at = ++star.at
        token = star.token
      } else {
        return false
      }
    }

    return tokens.slice(token).every(rest => rest === STAR)
  }
}

function tokensOf (characters: string[]): Token[] {
  const tokens: Token[] = []

  for (let at = 0; at < characters.length;) {
    const character = characters[at]!
    const end = character === '[' ? characters.indexOf(']', at + (characters[at + 1] === '!' || characters[at + 1] === '^' ? 3 : 2)) : -1

    if (end !== -1) {
      tokens.push(classOf(characters.slice(at + 1, end)))
      at = end + 1
      continue
    }

    if (character !== '*') {
      tokens.push(character === '?' ? () => true : other => other === character)
    } else if (tokens.at(-1) !== STAR) {
      tokens.push(STAR)
    }

    at++
  }

  return tokens
}

/** What stands between the brackets. */
function classOf (characters: string[]): Token {
  const inverted = characters[0] === '!' || characters[0] === '^'
  const rest = inverted ? characters.slice(1) : characters
  const ranges: Array<[string, string]> = []

  for (let at = 0; at < rest.length; at++) {
    const first = rest[at]!
    const last = rest[at + 1] === '-' ? rest[at + 2] : undefined

    ranges.push([first, last ?? first])
    at += last == null ? 0 : 2
  }

  return character => ranges.some(([first, last]) => first <= character && character <= last) !== inverted
}
