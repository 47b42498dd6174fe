import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { argvFor } from '../../model/each.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { commandTitle } from '../../model/job.ts'
import { systemReason } from '../../model/system-reason.ts'
import { JOBLOG_HEADER, joblogCommand, joblogLine, readJoblogLine } from '../../report/joblog.ts'
import { ItemSet } from '../../roles/item-set.ts'
import type { FileHandle } from 'node:fs/promises'
import type { Command } from '../../model/job.ts'
import type { ItemEnd } from '../../node/protocol/submit/messages.ts'

/** A line with the longest item, and something around it. */
const MAX_LINE_BYTES = 1024 * 1024

/** What is logged: one command, with each of these items. */
export interface Logged {
  command: Pick<Command, 'argv'>
  items: readonly string[]
}

/** A log of items that have ended, a line each, in GNU parallel's form. */
export class Joblog {
  readonly #path: string
  readonly #file: FileHandle
  readonly #logged: Logged

  private constructor (path: string, file: FileHandle, logged: Logged) {
    this.#path = path
    this.#file = file
    this.#logged = logged
  }

  /** Writes a new log, or goes on with one that was read before. */
  static async open (path: string, logged: Logged, goOn: boolean): Promise<Joblog> {
    const file = await open(path, goOn ? 'a' : 'w', 0o666).catch(err => { throw unwritable(path, err) })
    const log = new Joblog(path, file, logged)

    try {
      if ((await file.stat()).size === 0) {
        await log.#write(JOBLOG_HEADER)
      }
    } catch (err) {
      await log.close()
      throw err
    }

    return log
  }

  /** Items that have ended, by their numbers among all of them. */
  async add (ended: readonly ItemEnd[]): Promise<void> {
    const lines = ended.flatMap(item => joblogLine(item, titleOf(this.#logged, Number(item.task))) ?? [])

    if (lines.length > 0) {
      await this.#write(lines.join(''))
    }
  }

  async close (): Promise<void> {
    await this.#file.close()
  }

  async #write (text: string): Promise<void> {
    await this.#file.appendFile(text).catch(err => { throw unwritable(this.#path, err) })
  }
}

function unwritable (path: string, err: unknown): MeshmarkError {
  return new MeshmarkError('usage', `--joblog ${path} cannot be written: ${systemReason(err)}`, { cause: err })
}

/**
 * Numbers of the items that a log says need not be run again; a log that is
 * not there says so of none. A line that was cut off in the middle of its
 * writing is taken out of the file. Throws `usage` for a log of another
 * command, or of none.
 *
 * @param failedToo - those that failed need not be, either
 */
export async function doneOf (path: string, logged: Logged, failedToo: boolean): Promise<ItemSet> {
  const done = new ItemSet(logged.items.length)
  let number = 0
  const refused = (what: string): MeshmarkError => new MeshmarkError('usage', `${path}:${number}: ${what}: name the log of this very command, or leave --resume out to begin a new one`)

  for await (const line of wholeLines(path)) {
    number++

    if (number === 1 && line.startsWith('Seq\t')) {
      continue
    }

    const read = readJoblogLine(line)

    if (read == null) {
      throw refused('this is no line of a job log')
    }

    if (read.seq > logged.items.length) {
      throw refused(`item ${read.seq} is none of the ${logged.items.length} items`)
    }

    if (read.command !== joblogCommand(titleOf(logged, read.seq))) {
      throw refused(`item ${read.seq} was another command`)
    }

    // the last word on it counts
    if (read.succeeded || failedToo) {
      done.add(read.seq)
    } else {
      done.delete(read.seq)
    }
  }

  return done
}

function titleOf ({ command, items }: Logged, seq: number): string {
  return commandTitle({ argv: argvFor(command, items[seq - 1]) })
}

async function * wholeLines (path: string): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  let whole = 0

  try {
    for await (const chunk of createReadStream(path)) {
      const bytes = Buffer.concat([rest, chunk as Buffer])
      let from = 0

      for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, from)) {
        yield bytes.toString('utf8', from, at)
        whole += at + 1 - from
        from = at + 1
      }

      rest = bytes.subarray(from)

      if (rest.byteLength > MAX_LINE_BYTES) {
        throw new MeshmarkError('usage', `${path} is no job log: it has a line of more than ${MAX_LINE_BYTES} bytes`)
      }
    }
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException

    if (code === 'ENOENT') {
      return
    }

    throw err instanceof MeshmarkError ? err : new MeshmarkError('usage', `--joblog ${path} cannot be read: ${systemReason(err)}`, { cause: err })
  }

  if (rest.byteLength > 0) {
    const file = await open(path, 'r+')

    await file.truncate(whole).finally(async () => file.close())
  }
}
