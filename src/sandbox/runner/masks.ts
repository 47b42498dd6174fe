import { existsSync, statSync } from 'node:fs'
import { MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY } from '../native/libc.ts'
import { restrict } from '../native/restrict.ts'
import { check } from './boot.ts'
import type { Libc } from '../native/libc.ts'

/**
 * What /proc tells of the whole machine and no program needs: its boot and
 * command line, its devices and disks, locks and keys that are not namespaced.
 */
const MASKED = [
  'acpi', 'asound', 'bus', 'cmdline', 'config.gz', 'diskstats', 'driver', 'fs', 'interrupts', 'iomem', 'ioports', 'irq', 'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg',
  'latency_stats', 'locks', 'modules', 'mtrr', 'partitions', 'sched_debug', 'scsi', 'softirqs', 'swaps', 'sys/kernel/pty/nr', 'sys/kernel/random/boot_id', 'sysrq-trigger', 'timer_list', 'timer_stats', 'tty'
]

/** Nodes of the host that every box has. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

/** A folder is covered by an empty one, a file by a device that cannot be opened there; nothing can be written. */
export function maskProc (libc: Libc): void {
  if (!existsSync('/proc/self')) {
    return
  }

  check(libc, 'remount /proc', restrict(libc, '/proc', MS_RDONLY))

  for (const name of MASKED) {
    const path = `/proc/${name}`
    const stats = statSync(path, { throwIfNoEntry: false })

    if (stats?.isDirectory() === true) {
      check(libc, `mount ${path}`, libc.mount('tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV | MS_RDONLY, 'mode=0555,size=4096,nr_inodes=1'))
    } else if (stats != null) {
      check(libc, `mount ${path}`, libc.mount('/dev/null', path, '', MS_BIND, ''))
      check(libc, `remount ${path}`, restrict(libc, path, MS_RDONLY | MS_NODEV))
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
    check(libc, `remount /dev/${name}`, restrict(libc, `/dev/${name}`, MS_RDONLY))
  }
}
