import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { argvFor, ITEM_MARK, MAX_ITEM_BYTES, MAX_ITEMS, MAX_ITEMS_BYTES } from '../../../model/each.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { systemReason } from '../../../model/system-reason.ts'

/** As in GNU parallel: what stands behind it are items. */
export const ITEMS_FOLLOW = ':::'

/** Linux takes words of a command line that are shorter than this, their NUL included. */
const MAX_WORD_BYTES = 128 * 1024

const NEWLINE = 0x0a
const RETURN = 0x0d

export interface Items {
  items: string[]
  /** Lines that were empty, and are no items. */
  empty: number
}

/** `CMD ARG ::: A B` taken apart; `items` is absent where there is no `:::`. */
export function splitItems (words: readonly string[]): { words: string[], items?: string[] } {
  const at = words.indexOf(ITEMS_FOLLOW)

  if (at === -1) {
    return { words: [...words] }
  }

  const items = words.slice(at + 1)

  if (items.includes(ITEMS_FOLLOW)) {
    throw new MeshmarkError('usage', `${ITEMS_FOLLOW} stands there twice: write all items behind one, or a line for each item in a file with --each FILE`)
  }

  return { words: words.slice(0, at), items }
}

/** The words behind `:::`, or a list of items called something else. */
export function itemsOfWords (words: readonly string[], source = `the words behind ${ITEMS_FOLLOW}`): Items {
  const collected = new Collected(source, 'word')

  words.forEach(word => { collected.add(Buffer.from(word)) })

  return collected.finish()
}

/** The lines of a file, or with `-` of standard input. No more is held than one job can have. */
export async function readItems (source: string, context: { stdin: Readable & { isTTY?: boolean } }): Promise<Items> {
  if (source === '-' && context.stdin.isTTY === true) {
    throw new MeshmarkError('usage', '--each - reads this terminal: redirect a file or a pipe into it, or name a file')
  }

  const collected = new Collected(source === '-' ? 'standard input' : source, 'line')
  const stream: Readable = source === '-' ? context.stdin : createReadStream(source)

  try {
    await collectLines(stream, collected)
  } catch (err) {
    throw err instanceof MeshmarkError ? err : new MeshmarkError('usage', `--each ${source} cannot be read: ${systemReason(err)}`, { cause: err })
  } finally {
    // nobody reads on after an error
    stream.destroy()
  }

  return collected.finish()
}

/** Throws `usage` when the program itself would change with the item, or a word became longer than Linux takes. */
export function checkItemCommand (words: readonly string[], { items }: Items): void {
  if (words[0]?.includes(ITEM_MARK) === true) {
    throw new MeshmarkError('usage', `the program '${words[0]}' has ${ITEM_MARK} in its name, and all items are for one program: write sh -c '…' sh ${ITEM_MARK}, or one job for each program`)
  }

  const longest = items.reduce((a, b) => Buffer.byteLength(b) > Buffer.byteLength(a) ? b : a, '')
  const tooLong = argvFor({ argv: [...words] }, longest).find(word => Buffer.byteLength(word) >= MAX_WORD_BYTES)

  if (tooLong != null) {
    throw new MeshmarkError('usage', `with the longest item in place of ${ITEM_MARK}, a word of the command has ${Buffer.byteLength(tooLong)} bytes, and fewer than ${MAX_WORD_BYTES} are possible: put the data into a file and send it with --with`)
  }
}

async function collectLines (stream: Readable, collected: Collected): Promise<void> {
  let rest: Buffer[] = []
  let restBytes = 0

  for await (const piece of stream) {
    const chunk: Buffer = Buffer.from(piece)
    let from = 0

    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      collected.add(withoutReturn(Buffer.concat([...rest, chunk.subarray(from, at)])))
      rest = []
      restBytes = 0
      from = at + 1
    }

    rest.push(chunk.subarray(from))
    restBytes += chunk.byteLength - from

    // with the return of a line from Windows
    if (restBytes > MAX_ITEM_BYTES + 1) {
      collected.add(Buffer.concat(rest))
    }
  }

  if (restBytes > 0) {
    collected.add(withoutReturn(Buffer.concat(rest)))
  }
}

function withoutReturn (line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line
}

/** Items as they come, refused as soon as there are too many. */
class Collected {
  readonly #source: string
  readonly #unit: 'line' | 'word'
  readonly #items: string[] = []
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #seen = 0
  #bytes = 0
  #empty = 0

  constructor (source: string, unit: 'line' | 'word') {
    this.#source = source
    this.#unit = unit
  }

  add (item: Buffer): void {
    this.#seen++
    this.#bytes += item.byteLength

    if (item.byteLength === 0) {
      this.#empty++
      return
    }

    const what = `${this.#unit} ${this.#seen} of ${this.#source}`

    if (item.byteLength > MAX_ITEM_BYTES) {
      throw new MeshmarkError('usage', `${what} is longer than the ${MAX_ITEM_BYTES} bytes that an item may have: put the data into a file, send it with --with, and let the item name it`)
    }

    if (this.#items.length === MAX_ITEMS) {
      throw new MeshmarkError('usage', `${this.#source} has more than the ${MAX_ITEMS} items that one job can have: split it into several jobs, or let each item stand for several`)
    }

    if (this.#bytes > MAX_ITEMS_BYTES) {
      throw new MeshmarkError('usage', `the items of ${this.#source} have more than the ${MAX_ITEMS_BYTES} bytes that one job can have: split them into several jobs`)
    }

    if (item.includes(0)) {
      throw new MeshmarkError('usage', `${what} holds a NUL character, which no argument of a program can`)
    }

    try {
      this.#items.push(this.#utf8.decode(item))
    } catch {
      throw new MeshmarkError('usage', `${what} is not UTF-8: convert it first, e.g. with iconv`)
    }
  }

  finish (): Items {
    if (this.#items.length === 0) {
      throw new MeshmarkError('usage', this.#unit === 'word'
        ? `there are no items behind ${ITEMS_FOLLOW}: write ${ITEMS_FOLLOW} A B C, or a line for each in a file with --each FILE`
        : `${this.#source} has no items${this.#empty > 0 ? `, only ${this.#empty} empty lines` : ''}: write one on each line`)
    }

    return { items: this.#items, empty: this.#empty }
  }
}
