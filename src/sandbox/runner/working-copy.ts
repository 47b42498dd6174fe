import { createHash } from 'node:crypto'
import { chmodSync, closeSync, constants, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isPayloadPath, MAX_FILES } from '../../model/payload.ts'
import { BOX } from '../layout.ts'
import { ALL_SEALS, F_ADD_SEALS, MFD_ALLOW_SEALING, MFD_CLOEXEC } from '../native/libc.ts'
import { check } from './boot.ts'
import type { PayloadFile } from '../../model/payload.ts'
import type { Libc } from '../native/libc.ts'
import type { Control } from './control.ts'
import type { Contents } from './stage.ts'

interface Placed extends PayloadFile {
  /** Where its content begins in the template. */
  offset: number
}

const FILE_MODE = 0o644
const PROGRAM_MODE = 0o755

/**
 * The payload, and the fresh writable copy of it that each run starts in. The
 * original is one sealed memfd: it has no name that the program could reach
 * and nobody can change it, so every copy is made from what was received.
 * Whether an earlier copy is still unchanged cannot be told (writes through a
 * mapping leave no trace on tmpfs), so it is made again every time.
 */
export class WorkingCopy implements Contents {
  readonly #libc: Libc
  readonly #template: number
  #files: Placed[] = []
  /** Without a template there is one run only. */
  #single = false
  #laid = false

  /** Must be made before the filters are loaded, which forbid memfds. */
  constructor (libc: Libc) {
    this.#libc = libc
    this.#template = check(libc, 'memfd_create', libc.memfd_create('payload', MFD_CLOEXEC | MFD_ALLOW_SEALING))
  }

  get largestFile (): number {
    return this.#files.reduce((largest, file) => Math.max(largest, file.size), 0)
  }

  /** What a copy takes on a file system in memory. */
  get roomBytes (): number {
    return this.#files.reduce((sum, file) => sum + Math.ceil(file.size / PAGE_BYTES) * PAGE_BYTES, 0)
  }

  /** What it and the template take together. */
  get memoryBytes (): number {
    return (this.#single ? 1 : 2) * this.roomBytes
  }

  get entries (): number {
    return this.#files.length + folders(this.#files).length
  }

  /**
   * Says what will come. The files are believed to be what a task may bring
   * only when `receive` did not throw.
   *
   * @param single - they are put in place at once: there is one run only
   */
  expect (files: readonly PayloadFile[], single: boolean): void {
    let offset = 0

    this.#single = single
    this.#files = files.map(file => {
      const placed = { ...file, offset }

      offset += file.size
      return placed
    })
  }

  /**
   * Takes the files' contents from the control descriptor; with a single copy,
   * into place, where `lay` must have made the folders. The stream is read to
   * its end whatever happens; the first error is thrown then.
   *
   * @param descriptor - the contents come as one
   * @param failure - what was wrong before
   */
  receive (control: Control, descriptor: boolean, failure?: unknown): void {
    const attempt = (action: () => void) => {
      try {
        if (failure == null) {
          action()
        }
      } catch (err) {
        failure = err
      }
    }

    attempt(() => { checkFiles(this.#files) })

    if (!this.#single) {
      attempt(() => { ftruncateSync(this.#template, this.#files.reduce((sum, { size }) => sum + size, 0)) })
    }

    if (descriptor) {
      this.#receiveDescriptor(control, attempt)
    } else {
      for (const file of this.#files) {
        this.#receiveFile(control, file, attempt)
      }
    }

    if (failure != null) {
      throw failure
    }

    if (!this.#single) {
      check(this.#libc, 'F_ADD_SEALS', this.#libc.fcntl(this.#template, F_ADD_SEALS, ALL_SEALS))
    }
  }

  /**
   * Makes an empty /work what the payload says; of a single copy the folders
   * only, once. Throws when the box has not the room.
   *
   * @param alive - called now and then: a large file takes long
   */
  lay (alive?: () => void): void {
    if (this.#single && this.#laid) {
      throw new Error('this working copy was for one run')
    }

    this.#laid = true
    checkFiles(this.#files)
    makeFolders(this.#files)

    if (!this.#single) {
      for (const file of this.#files) {
        this.#copy(file, this.#template, alive)
      }
    }
  }

  #receiveDescriptor (control: Control, attempt: (action: () => void) => void): void {
    const source = control.readDescriptor(this.#libc)

    try {
      if (this.#single) {
        for (const file of this.#files) {
          attempt(() => { this.#copy(file, source, control.alive) })
        }
      } else {
        attempt(() => { this.#pour(source, 0, this.#template, this.#files.reduce((sum, { size }) => sum + size, 0), control.alive) })
      }
    } finally {
      closeSync(source)
    }
  }

  #receiveFile (control: Control, file: Placed, attempt: (action: () => void) => void): void {
    let fd = this.#template
    let at = file.offset

    if (this.#single) {
      at = 0
      attempt(() => { fd = openSync(join(BOX.work, file.path), CREATE, FILE_MODE) })
    }

    for (let left = file.size; left > 0;) {
      const chunk = control.readData()

      if (chunk.length === 0 || chunk.length > left) {
        throw new Error(`${chunk.length} bytes for a file with ${left} to come`)
      }

      attempt(() => { writeAll(fd, chunk, at) })
      at += chunk.length
      left -= chunk.length
    }

    if (fd !== this.#template) {
      closeSync(fd)
      attempt(() => { chmodSync(join(BOX.work, file.path), modeOf(file, join(BOX.work, file.path))) })
    }
  }

  #copy (file: Placed, source: number, alive?: () => void): void {
    const path = join(BOX.work, file.path)
    const fd = openSync(path, CREATE, FILE_MODE)

    try {
      this.#pour(source, file.offset, fd, file.size, alive)
    } finally {
      closeSync(fd)
    }

    chmodSync(path, modeOf(file, path))
  }

  /** From page to page inside the kernel. */
  #pour (source: number, offset: number, fd: number, size: number, alive?: () => void): void {
    const position = Buffer.alloc(8)

    position.writeBigInt64LE(BigInt(offset))

    for (let left = size; left > 0;) {
      alive?.()

      const sent = check(this.#libc, 'sendfile', this.#libc.sendfile(fd, source, position, Math.min(left, PIECE_BYTES)))

      if (sent === 0) {
        throw new Error('the payload is shorter than it was')
      }

      left -= sent
    }
  }
}

const PIECE_BYTES = 64 * 1024 * 1024

/** Of tmpfs; larger pages only make files take more. */
const PAGE_BYTES = 4096

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

const FOLDER_MODE = 0o755

/** Programs and scripts can be executed, whatever the sender's file system knew of that. */
function modeOf (file: PayloadFile, path: string): number {
  return file.executable || looksExecutable(path) ? PROGRAM_MODE : FILE_MODE
}

function looksExecutable (path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY)
  const start = Buffer.alloc(4)

  try {
    readSync(fd, start, 0, 4, 0)
  } finally {
    closeSync(fd)
  }

  return start.toString('latin1') === '\x7fELF' || start.subarray(0, 2).toString('latin1') === '#!'
}

function checkFiles (files: readonly PayloadFile[]): void {
  const paths = new Set(files.map(({ path }) => path))

  if (files.length > MAX_FILES || paths.size !== files.length || files.some(file => !isPayloadPath(file.path) || !Number.isSafeInteger(file.size) || file.size < 0)) {
    throw new Error('the payload has too many files, or one whose name or size cannot be')
  }
}

/** Every folder of the files, outer ones first. */
function folders (files: readonly PayloadFile[]): string[] {
  const all = new Set<string>()

  for (const { path } of files) {
    for (let folder = dirname(path); folder !== '.' && !all.has(folder); folder = dirname(folder)) {
      all.add(folder)
    }
  }

  return [...all].sort((a, b) => a.length - b.length)
}

function makeFolders (files: readonly PayloadFile[]): void {
  for (const folder of folders(files)) {
    mkdirSync(join(BOX.work, folder), FOLDER_MODE)
  }
}

function writeAll (fd: number, chunk: Buffer, position: number): void {
  for (let at = 0; at < chunk.length;) {
    at += writeSync(fd, chunk, at, chunk.length - at, position + at)
  }
}

/**
 * SHA-256 of a file, lower-case hex.
 *
 * @param alive - called now and then: a large file takes seconds
 */
export function digestOf (path: string, alive: () => void): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const buffer = Buffer.alloc(256 * 1024)
  const hash = createHash('sha256')

  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, read))
      alive()
    }
  } finally {
    closeSync(fd)
  }

  return hash.digest('hex')
}
