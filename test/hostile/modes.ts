import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownGroups } from '../../src/sandbox/cgroup/mounts.ts'
import { Host } from '../sandbox/host.ts'

/** A way in which a worker may be started. */
export interface Mode {
  name: string
  /** It gives root up itself, or never was. */
  root: boolean
  /** The kernel bounds and bills all processes of a run together. */
  cgroup: boolean
  /** Program and runner are two users. */
  twoUids: boolean
  builder?: 'bubblewrap' | 'unshare'
  /** The worker's user. */
  uid: number
}

/** Nobody's; one for each of those who run the tests at the same moment. */
const OWN_UID = process.getuid?.() === 0 ? 62_000 + process.pid % 1_000 : process.getuid?.() ?? 0
const SECOND_UID = 63_000 + process.pid % 1_000

const isRoot = process.getuid?.() === 0
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const others = isRoot && spawnSync(process.execPath, ['-e', 'require("fs").readFileSync("dist/sandbox/index.js")'], { cwd: CHECKOUT, uid: OWN_UID, gid: OWN_UID }).status === 0
const hasMaps = spawnSync('newuidmap').error == null

/** Boxes can be built without bubblewrap. */
const hasUnshare = existsSync(join(CHECKOUT, 'src/sandbox/unshare'))
const BUILDERS = hasUnshare ? ['bubblewrap', 'unshare'] as const : [undefined]

/** All that can be had on this machine. */
export const MODES: readonly Mode[] = BUILDERS.flatMap(builder => ways().map(way => ({ ...way, name: builder == null || builder === 'bubblewrap' ? way.name : `${way.name}, ${builder}`, uid: OWN_UID, ...(builder == null ? {} : { builder }) })))

function ways (): Pick<Mode, 'name' | 'root' | 'cgroup' | 'twoUids'>[] {
  const both = [true, false]
  const name = (root: boolean, cgroup: boolean, twoUids: boolean) => `${root ? 'root' : 'user'}, ${cgroup ? 'cgroups' : 'no cgroups'}, ${twoUids ? 'two uids' : 'one uid'}`
  const all = both.flatMap(root => both.flatMap(cgroup => both.map(twoUids => ({ name: name(root, cgroup, twoUids), root, cgroup, twoUids }))))

  return isRoot
    ? all.filter(({ root, twoUids }) => root || (others && (!twoUids || hasMaps)))
    : all.filter(({ root, cgroup, twoUids }) => !root && !cgroup && !twoUids)
}

/** A worker in a mode, with what had to be prepared for it. */
export interface Worker {
  host: Host
  /** Resolves when all of it is gone. */
  stop: () => Promise<void>
}

/** Throws when the worker does not get what its mode says. */
export async function startWorker (mode: Mode, env: NodeJS.ProcessEnv = {}): Promise<Worker> {
  const environment = {
    SETTLE: JSON.stringify({ ...(mode.root ? { user: { uid: mode.uid, gid: mode.uid } } : {}), cgroups: mode.cgroup, twoUids: mode.twoUids }),
    ...(mode.builder == null ? {} : { BUILDER: mode.builder }),
    ...env
  }
  const groups = isRoot && !mode.root && mode.cgroup ? delegated(mode.uid) : []
  const folder = isRoot && !mode.root ? mkdtempSync(join(tmpdir(), 'meshmark-mode-')) : undefined
  const host = await Host.start(folder == null ? { env: environment } : { env: environment, node: '/bin/sh', nodeArguments: ['-c', asUser(mode, groups, folder), 'sh'] })
  const stop = async () => {
    await host.stop()
    groups.forEach(removeGroup)

    if (folder != null) {
      rmSync(folder, { recursive: true })
    }
  }

  try {
    const { cgroup, twoUids, reasons } = await host.ask('ground')

    if (cgroup !== mode.cgroup || twoUids !== mode.twoUids) {
      throw new Error(`mode ${mode.name}: ${reasons.join('; ')}`)
    }
  } catch (err) {
    await stop()
    throw err
  }

  return { host, stop }
}

/** Groups that an administrator gave to a user, one in each hierarchy. */
function delegated (uid: number): string[] {
  return ownGroups(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8')).flatMap(({ folder, version, controllers }) => {
    if (version === 1 && !controllers.some(name => ['cpuacct', 'memory', 'pids'].includes(name))) {
      return []
    }

    const own = join(folder, `hostile-${process.pid}`)

    mkdirSync(own)

    for (const file of ['.', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks'].filter(file => existsSync(join(own, file)))) {
      chownSync(join(own, file), uid, uid)
    }

    return [own]
  })
}

function removeGroup (folder: string): void {
  for (const name of readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name)) {
    removeGroup(join(folder, name))
  }

  rmdirSync(folder)
}

/**
 * What a shell of root does before Node starts as a user. The user's name and
 * its subordinate numbers are those of this process alone: files of /etc are
 * covered in a namespace of mounts of its own.
 */
function asUser ({ uid, twoUids }: Mode, groups: readonly string[], folder: string): string {
  writeFileSync(join(folder, 'passwd'), `${readFileSync('/etc/passwd', 'utf8')}hostile:x:${uid}:${uid}::/:/bin/sh\n`)
  writeFileSync(join(folder, 'sub'), twoUids ? `hostile:${SECOND_UID}:1\n` : '')

  const cover = [['passwd', '/etc/passwd'], ['sub', '/etc/subuid'], ['sub', '/etc/subgid']].filter(([, path]) => existsSync(path ?? '')).map(([file, path]) => `mount --bind ${join(folder, file ?? '')} ${path}`)

  return [
    'set -e',
    ...groups.map(group => `echo $$ > ${join(group, 'cgroup.procs')}`),
    `exec unshare --mount --propagation private sh -c '${[...cover, `exec setpriv --reuid=${uid} --regid=${uid} --clear-groups ${process.execPath} "$@"`].join('; ')}' sh "$@"`
  ].join('\n')
}
