import { constants } from 'node:os'
import { AT_FDCWD, AT_RECURSIVE, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT } from './libc.ts'
import type { Libc } from './libc.ts'

/** struct statfs of 64-bit Linux: 15 words, the mount's flags in the eleventh. */
const STATFS_BYTES = 120
const FLAGS_AT = 80

/** struct mount_attr: what to set, what to clear, propagation, user namespace. */
const MOUNT_ATTR_BYTES = 32

/** They have the same numbers for mount(2), mount_setattr(2) and statfs(2). */
const RESTRICTIONS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC

/**
 * Takes something away from a mount: MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC.
 * What had been taken away before stays so. Returns 0 or -1.
 *
 * @param below - mount points below the path, for all of which it shall hold
 */
export function restrict (libc: Libc, path: string, flags: number, below?: () => string[]): number {
  const change = Buffer.alloc(MOUNT_ATTR_BYTES)

  change.writeBigUInt64LE(BigInt(flags), 0)

  if (libc.mountSetattr(AT_FDCWD, path, below == null ? 0 : AT_RECURSIVE, change, change.length) === 0) {
    return 0
  }

  // Before Linux 5.12, one by one.
  if (remount(libc, path, flags) < 0) {
    return -1
  }

  // What nobody in the box can enter needs no restriction.
  return below?.().every(point => remount(libc, point, flags) === 0 || libc.errno() === constants.errno.EACCES) === false ? -1 : 0
}

/** A remount clears what it does not name, and the kernel refuses to clear what somebody else has set. It keeps how access times are kept. */
function remount (libc: Libc, path: string, flags: number): number {
  const statistics = Buffer.alloc(STATFS_BYTES)

  if (libc.statfs(path, statistics) < 0) {
    return -1
  }

  const present = Number(statistics.readBigInt64LE(FLAGS_AT)) & RESTRICTIONS

  return libc.mount('none', path, '', MS_REMOUNT | MS_BIND | present | flags, '')
}
