import { closeSync, openSync, writeSync } from 'node:fs'
import { MFD_CLOEXEC } from './native/libc.ts'
import type { Libc } from './native/libc.ts'

/**
 * Contents that a child process reads from descriptors, without a file on any
 * disk and without anybody who writes while it reads.
 */
export class MemoryFiles {
  readonly #libc: Libc
  readonly #kept = new Map<Buffer, number>()

  constructor (libc: Libc) {
    this.#libc = libc
  }

  /** A descriptor at the beginning of a content that is wanted once. The caller closes it. */
  open (content: Buffer): number {
    const fd = this.#libc.memfd_create('meshmark', MFD_CLOEXEC)

    if (fd < 0) {
      throw new Error(`memfd_create failed with errno ${this.#libc.errno()}`)
    }

    try {
      for (let at = 0; at < content.length;) {
        // By position: the descriptor's own stays at the beginning.
        at += writeSync(fd, content, at, content.length - at, at)
      }

      return fd
    } catch (err) {
      closeSync(fd)
      throw err
    }
  }

  /** The same for a large content that is wanted again and again, and never changes. */
  reopen (content: Buffer): number {
    let fd = this.#kept.get(content)

    if (fd == null) {
      fd = this.open(content)
      this.#kept.set(content, fd)
    }

    // Opened anew, it has a position of its own.
    return openSync(`/proc/self/fd/${fd}`, 'r')
  }
}
