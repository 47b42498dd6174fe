import { chmodSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC,
  MS_REMOUNT
} from '../native/libc.ts'
import { check } from '../runner/boot.ts'
import type { Libc } from '../native/libc.ts'
import type { AssemblerOrders } from './orders.ts'

/** A folder that every system has, to build on. */
const BASE = '/tmp'
const OLD = '/old'
const NEW = '/new'

/** Of what is built: a few files of ours, folders to mount on. */
const ROOT_OPTIONS = 'mode=0755,size=16777216,nr_inodes=1024'

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

const DEVICE_LINKS: [string, string][] = [
  ['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2'], ['core', '/proc/kcore'], ['ptmx', 'pts/ptmx']
]

/** Carries out the steps of a plan; afterwards the box's root is the only one. */
export function mountAll (libc: Libc, steps: AssemblerOrders['steps']): void {
  process.umask(0)
  mount(libc, 'tmpfs', BASE, 'tmpfs', MS_NOSUID | MS_NODEV, ROOT_OPTIONS)
  process.chdir(BASE)
  mkdirSync(`.${OLD}`)
  mkdirSync(`.${NEW}`)
  check(libc, 'pivot_root', libc.pivotRoot('.', `.${OLD}`))
  process.chdir('/')
  mount(libc, 'tmpfs', NEW, 'tmpfs', MS_NOSUID | MS_NODEV, ROOT_OPTIONS)

  for (const step of steps) {
    carryOut(libc, step)
  }

  check(libc, 'umount', libc.umount2(OLD, MNT_DETACH))
  process.chdir(NEW)
  check(libc, 'pivot_root', libc.pivotRoot('.', '.'))
  // The base lies over the new root now.
  check(libc, 'umount', libc.umount2('.', MNT_DETACH))
  process.chdir('/')
}

function carryOut (libc: Libc, step: AssemblerOrders['steps'][number]): void {
  switch (step.do) {
    case 'bind':
      bind(libc, step.from, join(NEW, step.at), step.optional === true)
      break
    case 'symlink':
      symlinkSync(step.text, join(NEW, step.at))
      break
    case 'folder':
      mkdirSync(join(NEW, step.at), { recursive: true, mode: step.mode })
      chmodSync(join(NEW, step.at), step.mode)
      break
    case 'file':
      mkdirSync(dirname(join(NEW, step.at)), { recursive: true })
      writeFileSync(join(NEW, step.at), readFileSync(step.fd), { flag: 'wx', mode: step.mode })
      closeSync(step.fd)
      break
    case 'proc':
      mkdirSync(join(NEW, '/proc'))
      mount(libc, 'proc', join(NEW, '/proc'), 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, '')
      break
    case 'dev':
      makeDevices(libc)
      break
    case 'read-only':
      // A map of uids is still to be written there; the runner makes it read-only.
      if (step.at === '/proc') {
        break
      }

      restrict(libc, join(NEW, step.at), MOUNT_ATTR_RDONLY, MS_RDONLY)
  }
}

function bind (libc: Libc, from: string, at: string, optional: boolean): void {
  const source = join(OLD, from)
  const stats = statSync(source, { throwIfNoEntry: !optional })

  if (stats == null) {
    return
  }

  makePlace(at, stats.isDirectory())
  mount(libc, source, at, '', MS_BIND | MS_REC, '')
  restrict(libc, at, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, MS_RDONLY | MS_NOSUID | MS_NODEV, true)
}

/** As bubblewrap's --dev makes it. */
function makeDevices (libc: Libc): void {
  const dev = join(NEW, '/dev')

  mkdirSync(dev)
  mount(libc, 'tmpfs', dev, 'tmpfs', MS_NOSUID, 'mode=0755,size=65536,nr_inodes=64')

  for (const name of DEVICES) {
    makePlace(join(dev, name), false)
    mount(libc, join(OLD, '/dev', name), join(dev, name), '', MS_BIND, '')
  }

  mkdirSync(join(dev, 'pts'))
  mount(libc, 'devpts', join(dev, 'pts'), 'devpts', MS_NOSUID | MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620')
  mkdirSync(join(dev, 'shm'))
  DEVICE_LINKS.forEach(([name, text]) => { symlinkSync(text, join(dev, name)) })
}

function makePlace (path: string, folder: boolean): void {
  mkdirSync(folder ? path : dirname(path), { recursive: true })

  if (!folder) {
    closeSync(openSync(path, constants.O_CREAT | constants.O_WRONLY, 0o444))
  }
}

function mount (libc: Libc, source: string, at: string, type: string, flags: number, options: string): void {
  check(libc, `mount ${type === '' ? source : type}`, libc.mount(source, at, type, flags, options))
}

/** @param flags - the same for mount(2) as `attributes` for mount_setattr(2) */
function restrict (libc: Libc, path: string, attributes: number, flags: number, recursively = false): void {
  const change = Buffer.alloc(32)

  change.writeBigUInt64LE(BigInt(attributes), 0)

  if (libc.mountSetattr(AT_FDCWD, path, recursively ? AT_RECURSIVE : 0, change, change.length) < 0) {
    // Before Linux 5.12, one by one.
    for (const point of recursively ? mountsBelow(path) : [path]) {
      check(libc, `remount ${path}`, libc.mount('none', point, '', MS_REMOUNT | MS_BIND | flags, ''))
    }
  }
}

/** proc(5): field 5 is a mount point, with three digits for what separates fields. The old /proc still tells. */
function mountsBelow (path: string): string[] {
  return readFileSync(join(OLD, '/proc/self/mountinfo'), 'utf8').trim().split('\n')
    .map(line => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))))
    .filter(point => point === path || point.startsWith(`${path}/`))
}
