import { SYS } from '../native/libc.ts'
import { BOX_UID, RUNNER_UID } from '../layout.ts'
import { check } from './boot.ts'
import { CAP, forbidCapabilities, keepCapabilities } from './capabilities.ts'
import type { Libc } from '../native/libc.ts'

/**
 * Whom the thread that starts programs is. Where the box has two uids, it puts
 * on the program's for as long as a start takes (execve then makes it the only
 * one), and for making files that shall be the program's.
 *
 * By system call and not by the C library, which would change all threads.
 */
export class Identity {
  readonly twoUids: boolean
  readonly #libc: Libc
  #program = false

  /** Takes from the calling thread every capability that starting programs does not need. */
  constructor (libc: Libc) {
    this.#libc = libc
    this.twoUids = process.getuid?.() === RUNNER_UID

    forbidCapabilities(libc)
    keepCapabilities(libc, this.twoUids ? [CAP.SETUID, CAP.SETGID, CAP.KILL, CAP.SYS_RESOURCE, CAP.SYS_PTRACE] : [])

    if (this.twoUids) {
      // Whoever wrote the map may have forbidden it; the worker's groups mean little in a box then.
      libc.syscall(SYS.setgroups, 0, 0, 0, 0)
    }
  }

  /** Becomes the program's user; the way back stays open to this thread only. */
  becomeProgram (): void {
    if (this.twoUids && !this.#program) {
      this.#set(BOX_UID, BOX_UID)
      this.#program = true
    }
  }

  becomeRunner (): void {
    if (this.#program) {
      this.#set(RUNNER_UID, RUNNER_UID)
      this.#program = false
    }
  }

  /** What this makes belongs to the program. */
  asProgram<T> (action: () => T): T {
    this.becomeProgram()

    try {
      return action()
    } finally {
      this.becomeRunner()
    }
  }

  #set (real: number, effective: number): void {
    // The group first: afterwards it would not be allowed.
    check(this.#libc, 'setresgid', this.#libc.syscall(SYS.setresgid, real, effective, RUNNER_UID, 0))
    check(this.#libc, 'setresuid', this.#libc.syscall(SYS.setresuid, real, effective, RUNNER_UID, 0))
  }
}
