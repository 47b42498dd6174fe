import type { Option } from 'commander'
import { MeshmarkError } from '../../model/errors.ts'

/** Commander gives an option one word at most; these take as many as `words` names. */
interface TakesWords {
  words: readonly string[]
}

/** Makes an option take several words, named as in its help. Its value is the words with a space between each two. */
export function takingWords<O extends Option> (option: O, words: readonly string[]): O & TakesWords {
  return Object.assign(option, { words })
}

/**
 * Rewrites a command line for commander, which then sees what hyperfine's
 * parser would see:
 * 1. `-P VAR MIN MAX` becomes `--parameter-scan=VAR MIN MAX`, one word,
 * 2. a value that may be left out is only what follows an equals sign, so that
 *    in `-i ./program` the program is no value, and `-i=1` has the value 1,
 * 3. an equals sign behind a letter is no part of the value: `-r=5` is `-r 5`.
 *
 * Ends at `--` and at the first word that is no option: what follows belongs
 * to the program. What commander will refuse is left as it is.
 */
export function joinWords (argv: readonly string[], options: readonly Option[]): string[] {
  const left = [...argv]
  const joined: string[] = []

  for (let word = left.shift(); word != null; word = left.shift()) {
    if (word === '--' || word === '-' || !word.startsWith('-')) {
      return [...joined, word, ...left]
    }

    joined.push(...(word.startsWith('--') ? joinLong(word, left, options) : joinShort(word, left, options)))
  }

  return joined
}

function joinLong (word: string, left: string[], options: readonly Option[]): string[] {
  const at = word.indexOf('=')
  const name = at === -1 ? word : word.slice(0, at)
  const option = options.find(({ long }) => long === name)

  return option == null ? [word] : take(option, at === -1 ? undefined : word.slice(at + 1), left, word)
}

/** `-dN`, `-r5` and `-dP n 1 8`: every letter is an option until one takes the rest as its value. */
function joinShort (word: string, left: string[], options: readonly Option[]): string[] {
  const joined: string[] = []

  for (let rest = word.slice(1); rest !== '';) {
    const option = options.find(({ short }) => short === `-${rest[0]}`)

    if (option == null) {
      return [...joined, `-${rest}`]
    }

    const value = rest.slice(1)

    if (option.required || (mayStandAlone(option) && value.startsWith('='))) {
      const attached = value === '' ? undefined : value.replace(/^=/, '')

      return [...joined, ...(isPlain(option) && attached != null ? [`-${rest[0]}`, attached] : take(option, attached, left, `-${rest}`))]
    }

    joined.push(...take(option, undefined, left, `-${rest[0]}`))
    rest = value
  }

  return joined
}

function isPlain (option: Option): boolean {
  return !takesWords(option) && !mayStandAlone(option)
}

/** Its value may be left out. A placeholder like `<file[=name]>` is an optional part of a value that must be there. */
export function mayStandAlone (option: Option): boolean {
  return option.optional && !option.required
}

export function takesWords (option: Option): option is Option & TakesWords {
  return 'words' in option
}

/** The option with all that belongs to it, taken from what is left. */
function take (option: Option, attached: string | undefined, left: string[], word: string): string[] {
  if (takesWords(option)) {
    const values = attached == null ? [] : [attached]

    values.push(...left.splice(0, option.words.length - values.length))
    checkWords(option, values)

    return [`${option.long}=${values.join(' ')}`]
  }

  if (mayStandAlone(option)) {
    return [`${option.long}=${attached ?? option.presetArg}`]
  }

  // The value may look like an option; commander takes it all the same.
  return option.required && attached == null ? [word, ...left.splice(0, 1)] : [word]
}

/** Only the last word may hold a space, or they could not be told apart again. */
function checkWords ({ long, words }: Option & TakesWords, values: readonly string[]): void {
  const usage = `write ${long} ${words.join(' ')}`

  if (values.length < words.length) {
    throw new MeshmarkError('usage', `${long} takes ${words.length} words, and there ${values.length === 1 ? 'is only 1' : `are only ${values.length}`}: ${usage}`)
  }

  const wrong = values.slice(0, -1).find(value => value === '' || /\s/.test(value))

  if (wrong != null) {
    throw new MeshmarkError('usage', `${long}: '${wrong}' cannot be its ${words[values.indexOf(wrong)]}: ${usage}`)
  }
}
