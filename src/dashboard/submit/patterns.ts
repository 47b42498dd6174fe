import { combinationsOf, filler, type Parameter } from '../../roles/client/draft/parameters.ts'

/** Of texts that are longer, or take more steps, no pattern is found. */
const MAX_LENGTH = 2_000
const MAX_STEPS = 20_000

/**
 * The parameters that commands were made with, in the order in which they vary,
 * by their values in each command. Undefined when there are none, or when no
 * such parameters make these commands in this order. Pure.
 *
 * @param values - of each command
 */
export function parametersOfValues (values: ReadonlyArray<Readonly<Record<string, string>> | undefined>): Parameter[] | undefined {
  const [first] = values

  if (first == null || Object.keys(first).length === 0) {
    return undefined
  }

  const strideOf = (name: string): number => {
    const at = values.findIndex(value => value?.[name] !== first[name])

    return at === -1 ? Infinity : at
  }
  const parameters = Object.keys(first)
    .map(name => ({ name, values: [...new Set(values.map(value => value?.[name] ?? ''))], stride: strideOf(name) }))
    .sort((a, b) => a.stride === b.stride ? 0 : a.stride - b.stride)
    .map(({ name, values }): Parameter => ({ name, values }))
  const combinations = combinationsOf(parameters)
  const each = values.length / combinations.length

  return Number.isInteger(each) && values.every((value, index) => isSame(value ?? {}, combinations[Math.floor(index / each)] ?? {})) ? parameters : undefined
}

/**
 * A text that becomes each of these when `{NAME}` is replaced by the values that
 * belong to it; undefined when none is found.
 *
 * @param values - one for each text
 */
export function patternOf (texts: readonly string[], values: ReadonlyArray<Readonly<Record<string, string>>>): string | undefined {
  const names = Object.keys(values[0] ?? {})
  const [first = ''] = texts

  if (texts.every(text => text === first) && values.every(value => filler(value)(first) === first)) {
    return first
  }

  if (texts.some(({ length }) => length > MAX_LENGTH)) {
    return undefined
  }

  let steps = 0

  /** @param at - how much of each text is there already */
  const goOn = (at: readonly number[]): string | undefined => {
    if (++steps > MAX_STEPS) {
      return undefined
    }

    if (at.every((position, index) => position === texts[index]!.length)) {
      return ''
    }

    const letter = first.charAt(at[0]!)
    const isCommon = letter !== '' && at.every((position, index) => texts[index]!.charAt(position) === letter)

    // where the texts are alike they most likely were written so
    const rest = isCommon ? goOn(at.map(position => position + 1)) : undefined

    if (rest != null) {
      return `${letter}${rest}`
    }

    for (const name of names) {
      // one that is empty everywhere would go on for ever
      const isHere = values.some(value => value[name] !== '') && at.every((position, index) => texts[index]!.startsWith(values[index]![name]!, position))
      const rest = isHere ? goOn(at.map((position, index) => position + values[index]![name]!.length)) : undefined

      if (rest != null) {
        return `{${name}}${rest}`
      }
    }

    return undefined
  }

  const pattern = goOn(texts.map(() => 0))

  // braces that were meant as such would be replaced as well
  return pattern != null && texts.every((text, index) => filler(values[index]!)(pattern) === text) ? pattern : undefined
}

function isSame (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value)
}
