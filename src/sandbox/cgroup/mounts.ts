/** What this process belongs to in one hierarchy of control groups: a line of /proc/PID/cgroup. */
export interface Membership {
  /** Of version 1; empty for the one hierarchy of version 2. */
  controllers: string[]
  /** As this process's cgroup namespace shows it. */
  path: string
}

/** A place where a hierarchy is mounted: a line of /proc/PID/mountinfo. */
export interface CgroupMount {
  version: 1 | 2
  /** Of version 1. A named hierarchy has its name: `name=systemd`. */
  controllers: string[]
  /** The group that is seen at the mount point. */
  root: string
  point: string
  writable: boolean
}

/** This process's own group in a hierarchy, as a folder. */
export interface OwnGroup {
  version: 1 | 2
  controllers: string[]
  folder: string
}

/** Version 1 options of a mount that are no controllers. */
const FLAGS = new Set(['rw', 'ro', 'noprefix', 'clone_children', 'xattr', 'cpuset_v2_mode', 'release_agent', 'seclabel'])

/** proc(5), cgroups(7): `4:memory:/user.slice`, and `0::/user.slice` for version 2. Lines that are none are passed over. */
export function parseMemberships (text: string): Membership[] {
  return text.split('\n').flatMap(line => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []

    return controllers == null || path == null ? [] : [{ controllers: controllers === '' ? [] : controllers.split(','), path }]
  })
}

/** proc(5). Other file systems and lines that are none are passed over. */
export function parseCgroupMounts (mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap(line => {
    const separator = line.indexOf(' - ')
    const [, , , root, point, options] = line.slice(0, Math.max(0, separator)).split(' ')
    const [type, , superOptions] = line.slice(separator + 3).split(' ')

    if (separator < 0 || root == null || point == null || options == null || superOptions == null || (type !== 'cgroup' && type !== 'cgroup2')) {
      return []
    }

    const flags = superOptions.split(',')

    return [{
      version: type === 'cgroup' ? 1 as const : 2 as const,
      controllers: type === 'cgroup' ? flags.filter(flag => flag !== '' && !FLAGS.has(flag.split('=')[0] ?? '')) : [],
      root: unescape(root),
      point: unescape(point),
      writable: options.split(',').includes('rw') && flags.includes('rw')
    }]
  })
}

/**
 * The process's own groups that can be reached as folders and may be written
 * to: below a read-only mount, and where the mount shows another part of the
 * tree, there is none.
 */
export function ownGroups (mountinfo: string, cgroup: string): OwnGroup[] {
  const memberships = parseMemberships(cgroup)
  const found = new Map<string, OwnGroup>()

  for (const { version, controllers, root, point, writable } of parseCgroupMounts(mountinfo)) {
    const membership = memberships.find(own => version === 2 ? own.controllers.length === 0 : own.controllers.length > 0 && own.controllers.every(name => controllers.includes(name)))
    const inside = membership == null ? undefined : below(root, membership.path)

    if (writable && inside != null) {
      // A later mount on the same point covers an earlier one; a hierarchy that is mounted twice is the same twice.
      found.set(version === 2 ? '' : controllers.join(), { version, controllers, folder: point + inside })
    }
  }

  return [...found.values()]
}

/** `path` as seen from `root`, '' for root itself; undefined when it is not below it. */
function below (root: string, path: string): string | undefined {
  const prefix = root === '/' ? '' : root

  if (path.split('/').includes('..') || root.split('/').includes('..') || (path !== root && !path.startsWith(`${prefix}/`))) {
    return undefined
  }

  const rest = path.slice(prefix.length)

  return rest === '/' ? '' : rest
}

/** mountinfo writes space, tab, newline and backslash in octal. */
function unescape (text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}
