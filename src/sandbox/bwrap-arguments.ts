import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { totalmem } from 'node:os'
import { DEFAULT_LIMITS } from '../model/limits.ts'
import { BOX, BOX_UID, boxPath, CONTROL_FD, MAX_OUTPUT_BYTES } from './layout.ts'

/** Data that bwrap reads from descriptors, so that no path of the host is seen inside. */
export interface BoxData {
  fd: number
  path: string
  content: Buffer
}

/** First descriptor after the control socket, the arguments and the facts about the box. */
export const ARGS_FD = CONTROL_FD + 1
export const INFO_FD = CONTROL_FD + 2
const DATA_FD = CONTROL_FD + 3

export function boxData (files: { runner: Buffer, koffi: Buffer }): BoxData[] {
  const content: [string, Buffer | string][] = [
    [BOX.runner, files.runner],
    [BOX.koffi, files.koffi],
    ['/etc/passwd', `box:x:${BOX_UID}:${BOX_UID}:box:${BOX.tmp}:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`],
    ['/etc/group', `box:x:${BOX_UID}:\nnogroup:x:65534:\n`],
    ['/etc/hosts', '127.0.0.1 localhost\n'],
    ['/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n']
  ]

  return content.map(([path, content], index) => ({ fd: DATA_FD + index, path, content: Buffer.from(content) }))
}

/** Folders of the root that most systems have merged into /usr. */
const ROOT_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']

/** What programs and their loaders read in /etc; nothing that names the machine or its users. */
const ETC = ['/etc/ld.so.cache', '/etc/alternatives']

/**
 * Everything but the command, for `--args`. Order matters: mounts are made in
 * it, and the last ones close what was open for building.
 *
 * @param node - the worker's Node, when it does not come with /usr
 */
export function bwrapArguments (data: readonly BoxData[], nodePath: string, node?: string): string[] {
  const half = Math.floor(totalmem() / 2)
  const args = [
    '--unshare-all', '--unshare-user', '--die-with-parent', '--as-pid-1', '--new-session',
    '--uid', String(BOX_UID), '--gid', String(BOX_UID), '--hostname', 'box', '--cap-drop', 'ALL',
    '--clearenv', '--setenv', 'PATH', boxPath(nodePath), '--setenv', 'LANG', 'C.UTF-8',
    '--info-fd', String(INFO_FD),
    '--ro-bind', '/usr', '/usr'
  ]

  for (const folder of ROOT_FOLDERS) {
    args.push(...rootFolder(folder))
  }

  args.push('--dir', '/etc')

  for (const path of [...ETC, ...javaFolders()]) {
    args.push('--ro-bind-try', path, path)
  }

  args.push('--perms', '0755', '--dir', '/box')

  for (const { fd, path } of data) {
    args.push('--perms', '0444', '--file', String(fd), path)
  }

  if (node != null) {
    args.push('--perms', '0755', '--dir', '/box/bin', '--ro-bind', node, nodePath)
  }

  args.push(
    '--proc', '/proc', ...maskedProc(), '--remount-ro', '/proc',
    '--dev', '/dev',
    ...tmpfs(BOX.shm, '1777', DEFAULT_LIMITS.tmpBytes), '--remount-ro', '/dev',
    ...tmpfs(BOX.tmp, '1777', DEFAULT_LIMITS.tmpBytes),
    // Memory that is not used costs nothing; a payload may be large.
    ...tmpfs(BOX.work, '0755', half),
    ...tmpfs(BOX.outputs, '0700', 2 * MAX_OUTPUT_BYTES),
    '--remount-ro', '/',
    '--chdir', BOX.work
  )

  return args
}

/**
 * What /proc tells of the whole machine and no program needs: its boot and
 * command line, its devices and disks, keys that are not namespaced. A file is
 * covered by a device that cannot be opened there, a folder by an empty one.
 */
const MASKED = [
  'acpi', 'asound', 'bus', 'cmdline', 'config.gz', 'diskstats', 'driver', 'fs', 'interrupts', 'iomem', 'ioports', 'irq', 'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg',
  'latency_stats', 'modules', 'mtrr', 'partitions', 'sched_debug', 'scsi', 'softirqs', 'swaps', 'sys/kernel/random/boot_id', 'sysrq-trigger', 'timer_list', 'timer_stats', 'tty'
]

function maskedProc (): string[] {
  return MASKED.flatMap(name => {
    const path = `/proc/${name}`
    const stats = statSync(path, { throwIfNoEntry: false })

    // The box has the same kernel, and so the same entries.
    if (stats == null) {
      return []
    }

    return stats.isDirectory() ? ['--perms', '0555', '--tmpfs', path, '--remount-ro', path] : ['--ro-bind', '/dev/null', path]
  })
}

function tmpfs (path: string, mode: string, bytes: number): string[] {
  return ['--perms', mode, '--size', String(bytes), '--tmpfs', path]
}

function rootFolder (folder: string): string[] {
  try {
    return lstatSync(folder).isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder]
  } catch {
    return []
  }
}

/** Debian keeps parts of a Java runtime in /etc. */
function javaFolders (): string[] {
  try {
    return readdirSync('/etc').filter(name => name.startsWith('java')).map(name => `/etc/${name}`)
  } catch {
    return []
  }
}

/**
 * Node as PID 1. The pool is off because its threads would compile and collect
 * beside the program that is being measured.
 */
export function boxCommand (nodePath: string): string[] {
  return [nodePath, '--v8-pool-size=0', '--no-warnings', BOX.runner]
}
