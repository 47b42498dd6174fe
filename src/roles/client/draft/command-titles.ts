import { MeshmarkError } from '../../../model/errors.ts'
import { commandTitle } from '../../../model/job.ts'
import type { CommandWords } from './command-words.ts'

/** Bytes; the protocol takes no longer name. */
const MAX_BYTES = 256

/** A name that the user gave must do as it is. */
export function checkTitle (name: string): string {
  if (name === '' || bytesOf(name) > MAX_BYTES || /\p{Cc}/u.test(name)) {
    throw new MeshmarkError('usage', `--command-name '${fitTitle(name, 60)}' must be 1 to ${MAX_BYTES} bytes of printable text`)
  }

  return name
}

/** One line of printable text, cut where it is too long. */
export function fitTitle (text: string, maxBytes = MAX_BYTES): string {
  const line = text.trim().replace(/\r?\n/g, '⏎').replace(/\p{Cc}/gu, ' ')

  if (bytesOf(line) <= maxBytes) {
    return line
  }

  const chars = [...line]

  while (bytesOf(chars.join('')) > maxBytes - bytesOf('…')) {
    chars.pop()
  }

  return `${chars.join('')}…`
}

/**
 * Commands that differ in their hooks alone look the same: those get the
 * parameters that tell them apart behind their title, as in
 * `make (branch = feature)`.
 */
export function tellApart (commands: readonly CommandWords[]): CommandWords[] {
  const groups = new Map<string, CommandWords[]>()

  for (const command of commands) {
    const title = titleOf(command)

    groups.set(title, [...groups.get(title) ?? [], command])
  }

  return commands.map(command => {
    const title = titleOf(command)
    const differing = Object.entries(command.parameters ?? {})
      .filter(([name, value]) => groups.get(title)?.some(other => other.parameters?.[name] !== value))
      .map(([name, value]) => `${name} = ${value}`)

    return differing.length === 0 ? command : { ...command, title: fitTitle(`${fitTitle(title, MAX_BYTES / 2)} (${differing.join(', ')})`) }
  })
}

function titleOf ({ argv, title }: CommandWords): string {
  return commandTitle({ argv, name: title })
}

function bytesOf (text: string): number {
  return new TextEncoder().encode(text).byteLength
}
