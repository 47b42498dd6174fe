import koffi from 'koffi'

export const LOCK_SH = 1
export const LOCK_EX = 2
export const LOCK_NB = 4
export const LOCK_UN = 8

// what the process itself is linked to: finds libc under glibc, musl and macOS alike
const call = koffi.load(null).func('int flock(int fd, int operation)')

/** flock(2). Returns 0 or the errno. */
export function flock (fd: number, operation: number): number {
  return call(fd, operation) === 0 ? 0 : koffi.errno()
}

export const EWOULDBLOCK: number = koffi.os.errno.EWOULDBLOCK ?? 11
export const EINTR: number = koffi.os.errno.EINTR ?? 4
