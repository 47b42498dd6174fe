import { MeshmarkError } from './errors.ts'
import type { Command, Job } from './job.ts'

/** Items of one job; a task each. */
export const MAX_ITEMS = 100_000

/** Bytes of one item as UTF-8: a word of a command line. Linux takes 128 KiB for one word, most of which is left to the rest of the word. */
export const MAX_ITEM_BYTES = 64 * 1024

/** Bytes of all items together as UTF-8, so that a job stays within one message. */
export const MAX_ITEMS_BYTES = 10 * 1000 * 1000

/** Stands for the item in the words of a command. */
export const ITEM_MARK = '{}'

/** Task names of the items: `1` to `count`, as decimal text, in the order of the items. */
export function itemTasks (count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at + 1))
}

/**
 * The item that a task of an `--each` job is for; undefined when the job has no
 * items. Throws `refused` for a task that names none of them.
 */
export function itemOf (job: Pick<Job, 'each'>, task: string): string | undefined {
  if (job.each == null) {
    return undefined
  }

  const item = /^[1-9]\d{0,8}$/.test(task) ? job.each.items[Number(task) - 1] : undefined

  if (item == null) {
    throw new MeshmarkError('refused', `task ${task} names none of the job's ${job.each.items.length} items`)
  }

  return item
}

/**
 * The words of a command for one item: every `{}` in every word becomes the
 * item, exactly as it is; where there is none the item is a last word. Without
 * an item the words are the command's own.
 *
 * The first word is what the program is called by and never changes: which
 * program it is has been decided when the job was made.
 */
export function argvFor (command: Pick<Command, 'argv'>, item: string | undefined): string[] {
  const { argv: [name, ...words] } = command

  if (item === undefined || name === undefined) {
    return command.argv
  }

  return words.some(word => word.includes(ITEM_MARK))
    // a function: `$&` in an item is text
    ? [name, ...words.map(word => word.replaceAll(ITEM_MARK, () => item))]
    : [name, ...words, item]
}
