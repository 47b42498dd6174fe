import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What a program in a box must not change, as lines that can be compared. */
export type HostState = Record<string, string[]>

/** Changes by itself, or is nobody's setting. */
const COUNTERS = /\/(random|ns_last_pid|pty|keys|usermodehelper|sched_domain|seccomp)(\/|$)/

/** Hierarchies of control groups, however deep; those of other workers come and go. */
const CGROUPS = '/sys/fs/cgroup'

/**
 * @param worker - pid of the worker, which lives on
 * @param uid - its user, whose every file and process is looked for
 * @param marks - files and folders that nobody may touch
 */
export function hostState (worker: number, uid: number, marks: readonly string[] = []): HostState {
  return {
    processes: processesOf(uid),
    mounts: lines('/proc/self/mountinfo'),
    'mounts of the worker': lines(`/proc/${worker}/mountinfo`),
    cgroups: groupsOf(worker),
    files: ['/tmp', '/dev/shm', '/var/tmp', '/run', '/dev/mqueue'].flatMap(folder => filesOf(folder, uid)),
    'shared memory': lines('/proc/sysvipc/shm').slice(1),
    semaphores: lines('/proc/sysvipc/sem').slice(1),
    queues: lines('/proc/sysvipc/msg').slice(1),
    locks: locksOf(uid),
    'limits of the worker': lines(`/proc/${worker}/limits`),
    'what the worker may': lines(`/proc/${worker}/status`).filter(line => /^(Uid|Gid|Cap...|NoNewPrivs|Seccomp|Cpus_allowed|Mems_allowed|SigIgn|SigBlk|TracerPid)/.test(line)),
    'oom score of the worker': lines(`/proc/${worker}/oom_score_adj`),
    'descriptors of the worker': descriptorsOf(worker),
    'settings of the kernel': ['kernel', 'vm', 'fs/mqueue', 'user'].flatMap(folder => settingsOf(`/proc/sys/${folder}`)),
    marks: marks.map(describe)
  }
}

function lines (path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').sort()
  } catch {
    return []
  }
}

function entries (folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** With their pids: nobody of that user comes or goes beside the worker and what it keeps. The dead that somebody else is late to wait for are gone. */
function processesOf (uid: number): string[] {
  return entries('/proc').filter(name => /^\d+$/.test(name)).flatMap(pid => {
    const status = lines(`/proc/${pid}/status`)
    const field = (name: string) => status.find(line => line.startsWith(`${name}:`))?.split('\t')[1]

    return field('Uid') === String(uid) && !/^[ZX]/.test(field('State') ?? '') ? [`${pid} ${field('Name')}`] : []
  })
}

/** Folders below the worker's groups, and all that bear its name. */
function groupsOf (worker: number): string[] {
  const own = new RegExp(`/(meshmark-${worker}-|hostile-${process.pid})`)
  const walk = (folder: string): string[] => readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()).flatMap(entry => {
    const path = join(folder, entry.name)

    try {
      return [path, ...walk(path)]
    } catch {
      return []
    }
  })

  return entries(CGROUPS).length === 0 ? [] : walk(CGROUPS).filter(path => own.test(path)).sort()
}

function filesOf (folder: string, uid: number): string[] {
  return entries(folder).flatMap(name => {
    try {
      const path = join(folder, name)
      const stats = lstatSync(path)

      return stats.uid === uid ? [path, ...(stats.isDirectory() ? filesOf(path, uid) : [])] : []
    } catch {
      return []
    }
  }).sort()
}

/** Who holds one is a pid. */
function locksOf (uid: number): string[] {
  const own = new Set(processesOf(uid).map(line => line.split(' ')[0]))

  return lines('/proc/locks').filter(line => own.has(line.split(/\s+/).at(-4)))
}

/** Kinds of them, since pipes and sockets have other numbers each time. */
function descriptorsOf (pid: number): string[] {
  return entries(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\[?\d+\]?$/, '')]
    } catch {
      return []
    }
  }).sort()
}

function settingsOf (folder: string): string[] {
  return entries(folder).flatMap(name => {
    const path = join(folder, name)

    try {
      return COUNTERS.test(path) ? [] : lstatSync(path).isDirectory() ? settingsOf(path) : [`${path} ${readFileSync(path, 'utf8').trim()}`]
    } catch {
      return []
    }
  })
}

function describe (path: string): string {
  const { mode, uid, gid, size, mtimeMs, ctimeMs, nlink } = lstatSync(path)

  return [path, mode, uid, gid, size, mtimeMs, ctimeMs, nlink].join(' ')
}
