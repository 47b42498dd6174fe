import { existsSync, readdirSync } from 'node:fs'
import { constants } from 'node:os'
import {
  CLOSE_RANGE_CLOEXEC, F_SETFD, FD_CLOEXEC, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_SET_DUMPABLE, SIG_IGN, SIGCHLD, SIGKILL, SIGSTOP, SYS
} from '../native/libc.ts'
import type { Libc } from '../native/libc.ts'

/** glibc uses these two for itself, between its threads. */
const SIGCANCEL = 32
const SIGSETXID = 33
const SIGRTMAX = 64

/** Several times what a worker hands over and Node opens; descriptors are given from the lowest number on. */
const MANY_FILES = 1024

/**
 * Shuts the runner's doors before anything is read: descriptors end at exec,
 * no capability is passed on, no process of the same uid may look into it, and
 * no signal does anything (SIGUSR1 would open Node's inspector).
 */
export function harden (libc: Libc): void {
  closeAtExec(libc)
  clearAmbient(libc)
  check(libc, 'PR_SET_DUMPABLE', libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))

  for (let signum = 1; signum <= SIGRTMAX; signum++) {
    // SIGCHLD stays: ignoring it would reap children without their rusage.
    if (![SIGKILL, SIGSTOP, SIGCHLD, SIGCANCEL, SIGSETXID].includes(signum)) {
      libc.signal(signum, SIG_IGN)
    }
  }
}

/** Of the calling thread. */
export function clearAmbient (libc: Libc): void {
  check(libc, 'PR_CAP_AMBIENT_CLEAR_ALL', libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
}

function closeAtExec (libc: Libc): void {
  if (libc.syscall(SYS.close_range, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC, 0) === 0) {
    return
  }

  const known = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').map(Number) : Array.from({ length: MANY_FILES }, (_, fd) => fd)

  // Before Linux 5.11. The list contains its own descriptor, which is closed by now; that is all that may fail.
  for (const fd of known.filter(fd => fd > 2)) {
    if (libc.fcntl(fd, F_SETFD, FD_CLOEXEC) !== 0 && libc.errno() !== constants.errno.EBADF) {
      throw new Error(`FD_CLOEXEC: ${errnoName(libc.errno())}`)
    }
  }
}

/** Throws when a call of the C library returned -1. */
export function check (libc: Libc, what: string, result: number): number {
  if (result < 0) {
    throw new Error(`${what}: ${errnoName(libc.errno())}`)
  }

  return result
}

export function errnoName (errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
}
