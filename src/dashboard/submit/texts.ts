import { LIMIT_RULES } from '../../model/limits.ts'
import { shellWord } from '../../report/shell-words.ts'
import type { Limits } from '../../model/limits.ts'

/** As it is typed; the shell-like splitting of the command line takes it apart again. */
export function lineText (argv: readonly string[]): string {
  return argv.map(typedWord).join(' ')
}

/** Nothing is spelled out: in the form it is not a shell that reads it. */
function typedWord (word: string): string {
  return shellWord(word) === word ? word : `'${word.replaceAll("'", "'\\''")}'`
}

export function limitText (key: keyof Limits, value: number): string {
  const { unit } = LIMIT_RULES[key]

  return unit === 'duration' ? durationText(value) : unit === 'size' ? sizeText(value) : String(value)
}

/** Exactly, in the largest unit that does not need a fraction. */
export function durationText (ms: number): string {
  const [unit, size] = ([['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const).find(([, size]) => ms > 0 && ms % size === 0) ?? ['ms', 1]

  return `${plain(ms / size)}${unit}`
}

export function sizeText (bytes: number): string {
  const [unit, size] = ([['G', 1024 ** 3], ['M', 1024 ** 2], ['K', 1024]] as const).find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['', 1]

  return `${bytes / size}${unit}`
}

export function percentText (fraction: number): string {
  return `${plain(Number((fraction * 100).toPrecision(12)))}%`
}

/** Never 1e-7. */
function plain (value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(9).replace(/\.?0+$/, '')
}
