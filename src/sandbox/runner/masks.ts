import { existsSync, statSync } from 'node:fs'
import { AT_FDCWD, MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY, MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT } from '../native/libc.ts'
import { check } from './boot.ts'
import type { Libc } from '../native/libc.ts'

/**
 * What /proc tells of the whole machine and no program needs: its boot and
 * command line, its devices and disks, keys that are not namespaced.
 */
const MASKED = [
  'acpi', 'asound', 'bus', 'cmdline', 'config.gz', 'diskstats', 'driver', 'fs', 'interrupts', 'iomem', 'ioports', 'irq', 'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg',
  'latency_stats', 'modules', 'mtrr', 'partitions', 'sched_debug', 'scsi', 'softirqs', 'swaps', 'sys/kernel/random/boot_id', 'sysrq-trigger', 'timer_list', 'timer_stats', 'tty'
]

/** Nodes of the host that every box has. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

/** A folder is covered by an empty one, a file by a device that cannot be opened there; nothing can be written. */
export function maskProc (libc: Libc): void {
  if (!existsSync('/proc/self')) {
    return
  }

  restrict(libc, '/proc', MOUNT_ATTR_RDONLY, MS_RDONLY | MS_NODEV)

  for (const name of MASKED) {
    const path = `/proc/${name}`
    const stats = statSync(path, { throwIfNoEntry: false })

    if (stats?.isDirectory() === true) {
      check(libc, `mount ${path}`, libc.mount('tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV | MS_RDONLY, 'mode=0555,size=4096,nr_inodes=1'))
    } else if (stats != null) {
      check(libc, `mount ${path}`, libc.mount('/dev/null', path, '', MS_BIND, ''))
      restrict(libc, path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, MS_RDONLY | MS_NODEV)
    }
  }
}

/**
 * The device nodes are the host's, mounted one by one. Read-only they can be
 * used as before, but not touched: their times would be a way to leave a word
 * for another box.
 */
export function protectDevices (libc: Libc): void {
  for (const name of DEVICES) {
    restrict(libc, `/dev/${name}`, MOUNT_ATTR_RDONLY, MS_RDONLY)
  }
}

/** @param flags - the same for mount(2) as `attributes` for mount_setattr(2) */
function restrict (libc: Libc, path: string, attributes: number, flags: number): void {
  // struct mount_attr: what to set, what to clear, propagation, user namespace.
  const change = Buffer.alloc(32)

  change.writeBigUInt64LE(BigInt(attributes), 0)

  if (libc.mountSetattr(AT_FDCWD, path, 0, change, change.length) < 0) {
    // Before Linux 5.12.
    check(libc, `remount ${path}`, libc.mount('none', path, '', MS_REMOUNT | MS_BIND | MS_NOSUID | flags, ''))
  }
}
