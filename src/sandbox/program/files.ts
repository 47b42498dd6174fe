import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { ReadAt } from './elf.ts'

export interface OpenFile {
  size: number
  /** Any of the three execute bits. */
  executable: boolean
  read: ReadAt
}

/** Why a file cannot be read: one of the codes of open(2), or `folder`, `special`. */
export class FileError extends Error {
  constructor (readonly code: string) {
    super(code)
  }
}

/** Hands an open regular file to `use` and closes it. Throws FileError. */
export function withFile<T> (path: string, use: (file: OpenFile) => T): T {
  let fd: number

  try {
    // Without O_NONBLOCK a named pipe would wait for its other end for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (err) {
    throw new FileError((err as NodeJS.ErrnoException).code ?? 'EIO')
  }

  try {
    const stat = fstatSync(fd)

    if (!stat.isFile()) {
      throw new FileError(stat.isDirectory() ? 'folder' : 'special')
    }

    return use({ size: stat.size, executable: (stat.mode & 0o111) !== 0, read: reader(fd, stat.size) })
  } finally {
    closeSync(fd)
  }
}

function reader (fd: number, size: number): ReadAt {
  return (offset, length) => {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)))

    return buffer.length === 0 ? buffer : buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, offset))
  }
}
