import { MeshmarkError } from '../../../model/errors.ts'

/** `{name}` stands for each of the values in turn. */
export interface Parameter {
  name: string
  values: string[]
}

/** Puts values in the place of their names. */
export type Fill = (text: string) => string

/**
 * `gcc,clang`; a comma that belongs to a value has a backslash before it, and
 * so has a backslash before a comma or another one. Empty values are values.
 */
export function splitValues (text: string): string[] {
  const values: string[] = []
  let value = ''

  for (const [, escaped, comma, char] of text.matchAll(/\\([,\\])|(,)|([^])/gu)) {
    if (comma == null) {
      value += escaped ?? char
    } else {
      values.push(value)
      value = ''
    }
  }

  return [...values, value]
}

/** A decimal number as an integer and how many of its digits stand behind the point. */
interface Decimal {
  digits: bigint
  scale: number
}

const MAX_DIGITS = 40

/**
 * Every value from `min` to `max`, both included when the steps meet them,
 * without any error of floating point: 0, 0.1, 0.2 … 1.0.
 *
 * @param most - refused when there are more
 */
export function scanValues (min: string, max: string, step: string | undefined, most: number): string[] {
  const low = readDecimal(min, '--parameter-scan')
  const high = readDecimal(max, '--parameter-scan')

  if (step == null && (low.scale > 0 || high.scale > 0)) {
    throw new MeshmarkError('usage', `--parameter-scan from ${min} to ${max} needs a step: add e.g. --parameter-step-size 0.1`)
  }

  const by = readDecimal(step ?? '1', '--parameter-step-size')
  const scale = Math.max(low.scale, high.scale, by.scale)
  const [from, to, distance] = [low, high, by].map(number => scaled(number, scale)) as [bigint, bigint, bigint]

  if (distance <= 0n) {
    throw new MeshmarkError('usage', `--parameter-step-size '${step}' must be more than 0`)
  }

  if (to < from) {
    throw new MeshmarkError('usage', `--parameter-scan from ${min} to ${max} is empty: the first must not be more than the second`)
  }

  const count = (to - from) / distance + 1n

  if (count > BigInt(most)) {
    throw new MeshmarkError('usage', `--parameter-scan from ${min} to ${max} has ${count} values, and a job has at most ${most} commands: take larger steps`)
  }

  return Array.from({ length: Number(count) }, (_, index) => index === 0
    ? format(low)
    : format({ digits: scaled(low, scale) + distance * BigInt(index), scale }, Math.max(low.scale, by.scale)))
}

function readDecimal (text: string, option: string): Decimal {
  const [, sign = '', whole = '', part = ''] = /^([+-]?)(\d*)\.?(\d*)$/.exec(text) ?? []

  if (whole + part === '' || whole.length + part.length > MAX_DIGITS) {
    throw new MeshmarkError('usage', `${option}: '${text}' is not a number: write e.g. 8 or 0.25`)
  }

  return { digits: BigInt(`${whole}${part}`) * (sign === '-' ? -1n : 1n), scale: part.length }
}

function scaled ({ digits, scale }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - scale)
}

/** With as many digits behind the point as `shown`, which are all that are not 0. */
function format ({ digits, scale }: Decimal, shown = scale): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
  const whole = text.slice(0, text.length - scale)
  const part = text.slice(text.length - scale).slice(0, shown)

  return `${digits < 0n ? '-' : ''}${whole}${part === '' ? '' : `.${part}`}`
}

/** Every combination of values, the first parameter's changing fastest; one without any value when there is no parameter. */
export function combinationsOf (parameters: readonly Parameter[]): Array<Record<string, string>> {
  return parameters.reduce<Array<Record<string, string>>>(
    (combinations, { name, values }) => values.flatMap(value => combinations.map(others => ({ ...others, [name]: value }))),
    [{}]
  )
}

/** Replaces every `{name}` at once: a value that looks like a name is not replaced again. */
export function filler (values: Readonly<Record<string, string>>): Fill {
  return text => text.replace(/\{([^{}]*)\}/g, (whole, name: string) => Object.hasOwn(values, name) ? values[name] ?? whole : whole)
}
