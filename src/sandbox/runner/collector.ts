import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { isCollectedPath, MAX_COLLECT_FILES, MAX_SKIPPED } from '../../model/collect.ts'
import { Glob } from '../../model/glob.ts'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { MAX_CHUNK } from '../frame.ts'
import { BOX } from '../layout.ts'
import type { GlobState } from '../../model/glob.ts'
import type { BoxCollect } from '../box-types.ts'
import type { Control } from './control.ts'

/** Files and folders that are looked at: more than any box lets a program make by default. */
const MAX_SEEN = 1_000_000

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Finds what a program left in the working copy, and hands it to the worker.
 *
 * To be called when every process of the box has ended: nobody can exchange a
 * folder for a link then between the look at it and the step into it, and no
 * file grows while it is read. Links are never followed; what is no regular
 * file is never opened.
 */
export class Collector {
  readonly #control: Control
  readonly #patterns: Glob[]
  readonly #maxBytes: number
  readonly #maxFiles: number
  readonly #buffer = Buffer.alloc(MAX_CHUNK)
  readonly #skipped: string[] = []
  #unsaid = 0
  #files = 0
  #bytes = 0
  #seen = 0

  /** Throws when a pattern is none. */
  constructor (control: Control, { patterns, maxBytes, maxFiles = MAX_COLLECT_FILES }: BoxCollect) {
    this.#control = control
    this.#patterns = patterns.map(pattern => new Glob(pattern))
    this.#maxBytes = maxBytes
    this.#maxFiles = maxFiles
  }

  /** Why something that fits was not taken, of all calls so far. */
  get skipped (): string[] {
    return this.#unsaid === 0 ? this.#skipped : [...this.#skipped, `and ${this.#unsaid} more`]
  }

  /** The files of the command whose run was the last one. Whatever cannot be read is said in `skipped`. */
  collect (command: number): void {
    this.#walk(command, '', '', this.#patterns.map(({ start }) => start))
  }

  /**
   * @param folder - below the working copy, as the kernel has it: byte by byte as latin1
   * @param path - the same as text, below the working copy
   */
  #walk (command: number, folder: string, path: string, states: GlobState[]): void {
    for (const name of this.#namesIn(folder, path)) {
      this.#control.alive()

      if (++this.#seen > MAX_SEEN) {
        if (this.#seen === MAX_SEEN + 1) {
          this.#skip(`there are more than ${MAX_SEEN} files and folders: the rest was not looked at`)
        }

        return
      }

      // what is no UTF-8 keeps a mark that no path may have
      const text = Buffer.from(name, 'latin1').toString('utf8')
      const inner = `${path}${text}`
      const next = states.map((state, index) => this.#patterns[index]!.next(state, text))
      const fits = next.some((state, index) => this.#patterns[index]!.isMatch(state))
      const goesOn = next.some((state, index) => this.#patterns[index]!.goesOn(state))

      if (fits || goesOn) {
        this.#take(command, `${folder}/${name}`, inner, next, fits, goesOn)
      }
    }
  }

  #take (command: number, file: string, path: string, states: GlobState[], fits: boolean, goesOn: boolean): void {
    const stats = lstatSync(bytesOf(`${BOX.work}${file}`))

    if (stats.isDirectory()) {
      if (goesOn && isTaken(path)) {
        this.#walk(command, file, `${path}/`, states)
      } else if (goesOn || this.#patterns.some(({ text }) => text === path)) {
        this.#skip(`${path}: ${goesOn ? 'a folder whose name cannot be kept' : `a folder: ${path}/ takes what is in it`}`)
      }
    } else if (!fits) {
      // only its folder would have been of interest
    } else if (!stats.isFile()) {
      this.#skip(`${path}: ${stats.isSymbolicLink() ? 'a link' : 'no regular file'}`)
    } else if (!isTaken(path)) {
      this.#skip(`${path}: its name cannot be kept`)
    } else if (this.#files === this.#maxFiles) {
      this.#skip(`${path}: one task brings back ${this.#maxFiles} files at most`)
    } else if (stats.size > this.#maxBytes - this.#bytes) {
      this.#skip(`${path}: ${formatBytes(stats.size)}, and ${formatBytes(this.#maxBytes - this.#bytes)} are left of the ${formatBytes(this.#maxBytes)} that all files may have`)
    } else {
      this.#send(command, file, path)
    }
  }

  #send (command: number, file: string, path: string): void {
    let fd: number

    try {
      fd = openSync(bytesOf(`${BOX.work}${file}`), READ)
    } catch (err) {
      this.#skip(`${path}: cannot be read (${(err as NodeJS.ErrnoException).code ?? 'unknown'})`)
      return
    }

    try {
      const { size, mode } = fstatSync(fd)

      this.#files++
      this.#bytes += size
      this.#control.send({ type: 'file', command, path, size, executable: (mode & 0o111) !== 0 })

      for (let left = size; left > 0;) {
        const read = readSync(fd, this.#buffer, 0, Math.min(left, MAX_CHUNK), null)

        if (read === 0) {
          throw new Error(`${printable(path)} is shorter than it was`)
        }

        this.#control.sendData(this.#buffer.subarray(0, read))
        left -= read
      }
    } finally {
      closeSync(fd)
    }
  }

  #namesIn (folder: string, path: string): string[] {
    try {
      return readdirSync(bytesOf(`${BOX.work}${folder}`), { encoding: 'latin1' }).sort()
    } catch (err) {
      this.#skip(`${path}: the folder cannot be read (${(err as NodeJS.ErrnoException).code ?? 'unknown'})`)
      return []
    }
  }

  #skip (sentence: string): void {
    if (this.#skipped.length < MAX_SKIPPED - 1) {
      this.#skipped.push(printable(sentence, 1_000))
    } else {
      this.#unsaid++
    }
  }
}

/** Also where a folder is meant: what is below it has it in its own path. */
function isTaken (path: string): boolean {
  return isCollectedPath(path) && !path.includes('\ufffd')
}

function bytesOf (path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
