import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { BOX, BOX_UID, BOX_USER, boxPath, CONTROL_FD, RUNNER_UID } from './layout.ts'
import type { BoxView } from './box-types.ts'

/** One step of building a box's file system. Paths are those of the box, and steps are carried out in their order. */
export type BoxStep =
  /** A read-only view of the host's file or folder. */
  | { do: 'bind', from: string, at: string, optional?: boolean }
  | { do: 'symlink', text: string, at: string }
  | { do: 'folder', at: string, mode: number }
  | { do: 'file', content: Buffer, at: string, mode: number }
  /** A fresh /proc, a /dev with what every program may use. */
  | { do: 'proc' }
  | { do: 'dev' }
  | { do: 'read-only', at: string }

/** Everything that whoever builds a box must know, whichever way it is built. */
export interface BoxPlan {
  steps: BoxStep[]
  hostname: string
  /** Of the runner, inside. */
  uid: number
  /** Capabilities that the runner keeps in the box's own user namespace; its programs have none. */
  capabilities: readonly string[]
  env: Record<string, string>
  command: string[]
  cwd: string
}

/** To mount what programs write to, afresh before every run; to have two threads in one namespace of mounts; to make sure that no program ever has any of these. */
const STAGING = ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_SETPCAP'] as const

/** To start programs as somebody else, to end, limit and look at them. */
const GUARDING = ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL', 'CAP_SYS_RESOURCE', 'CAP_SYS_PTRACE'] as const

/** Folders of the root that most systems have merged into /usr. */
const ROOT_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']

/** What programs and their loaders read in /etc; nothing that names the machine or its users. */
const ETC = ['/etc/ld.so.cache', '/etc/alternatives']

export interface BoxParts {
  /** The bundled runner and koffi's native file. */
  runner: Buffer
  koffi: Buffer
  /** The bundled host of WebAssembly modules. */
  wasmHost: Buffer
  /** The worker's Node inside the box, and where it is on the host when it does not come with /usr. */
  nodePath: string
  node?: string
  /** Does the program get a uid of its own, beside the runner's? */
  twoUids: boolean
  /** A /proc of its own? Never the host's. */
  proc: boolean
  views?: readonly BoxView[]
}

export function boxPlan ({ runner, koffi, wasmHost, nodePath, node, twoUids, proc, views = [] }: BoxParts): BoxPlan {
  return {
    hostname: 'box',
    uid: twoUids ? RUNNER_UID : BOX_UID,
    capabilities: twoUids ? [...STAGING, ...GUARDING] : STAGING,
    env: { PATH: boxPath(nodePath), LANG: 'C.UTF-8' },
    // Node as PID 1. The pool is off because its threads would compile and collect beside the program that is being measured.
    command: [nodePath, '--v8-pool-size=0', '--no-warnings', BOX.runner],
    cwd: BOX.work,
    steps: [
      { do: 'bind', from: '/usr', at: '/usr' },
      ...ROOT_FOLDERS.flatMap(rootFolder),
      { do: 'folder', at: '/etc', mode: 0o755 },
      ...[...ETC, ...javaFolders()].map((path): BoxStep => ({ do: 'bind', from: path, at: path, optional: true })),
      { do: 'folder', at: '/box', mode: 0o755 },
      ...files(runner, koffi, wasmHost),
      ...(node == null ? [] : [{ do: 'folder' as const, at: '/box/bin', mode: 0o755 }, { do: 'bind' as const, from: node, at: nodePath }]),
      ...(proc ? [{ do: 'proc' as const }, { do: 'read-only' as const, at: '/proc' }] : []),
      { do: 'dev' }, { do: 'read-only', at: '/dev' },
      // The runner mounts something of its own on each of them before anything runs.
      { do: 'folder', at: BOX.tmp, mode: 0o755 },
      { do: 'folder', at: BOX.work, mode: 0o755 },
      { do: 'folder', at: BOX.outputs, mode: 0o700 },
      { do: 'folder', at: BOX.template, mode: 0o755 },
      ...(views.length === 0 ? [] : [{ do: 'folder' as const, at: BOX.data, mode: 0o755 }]),
      ...views.map(({ from, at }): BoxStep => ({ do: 'bind', from, at })),
      { do: 'read-only', at: '/' }
    ]
  }
}

function files (runner: Buffer, koffi: Buffer, wasmHost: Buffer): BoxStep[] {
  const content: [string, Buffer | string][] = [
    [BOX.runner, runner],
    [BOX.koffi, koffi],
    [BOX.wasmHost, wasmHost],
    ['/etc/passwd', `${BOX_USER}:x:${BOX_UID}:${BOX_UID}:box:${BOX.tmp}:/bin/sh\nroot:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`],
    ['/etc/group', `${BOX_USER}:x:${BOX_UID}:\nroot:x:0:\nnogroup:x:65534:\n`],
    ['/etc/hosts', '127.0.0.1 localhost\n'],
    ['/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n']
  ]

  // The same buffer for the same content: whoever hands it over may have kept it.
  return content.map(([at, content]) => ({ do: 'file', content: typeof content === 'string' ? Buffer.from(content) : content, at, mode: 0o444 }))
}

function rootFolder (folder: string): BoxStep[] {
  try {
    return lstatSync(folder).isSymbolicLink() ? [{ do: 'symlink', text: readlinkSync(folder), at: folder }] : [{ do: 'bind', from: folder, at: folder }]
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

/** Descriptors of whoever builds a box: its arguments, what it tells of the box, what it waits for before it goes on. */
export const ARGS_FD = CONTROL_FD + 1
export const INFO_FD = CONTROL_FD + 2
export const BLOCK_FD = CONTROL_FD + 3
/** From here on, what else the builder or the runner is given. */
export const DATA_FD = CONTROL_FD + 4
