import { chmodSync, closeSync, constants, mkdirSync, openSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MNT_DETACH, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC } from '../native/libc.ts'
import { restrict } from '../native/restrict.ts'
import { check } from '../runner/boot.ts'
import type { Libc } from '../native/libc.ts'
import type { AssemblerOrders } from '../assembler-orders.ts'

type Step = AssemblerOrders['steps'][number]

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
export function mountAll (libc: Libc, { steps, uid, nested }: Pick<AssemblerOrders, 'steps' | 'uid' | 'nested'>): void {
  const umask = process.umask(0)
  // While the root is still the one that absolute links mean.
  const resolved = steps.filter(step => !(nested && isTooEarly(step))).map(resolveSource)

  mount(libc, 'tmpfs', BASE, 'tmpfs', MS_NOSUID | MS_NODEV, ROOT_OPTIONS)
  process.chdir(BASE)
  mkdirSync(`.${OLD}`)
  mkdirSync(`.${NEW}`)
  check(libc, 'pivot_root', libc.pivotRoot('.', `.${OLD}`))
  process.chdir('/')
  mount(libc, 'tmpfs', NEW, 'tmpfs', MS_NOSUID | MS_NODEV, ROOT_OPTIONS)

  for (const step of resolved) {
    carryOut(libc, step, uid === 0 || nested)
  }

  check(libc, 'umount', libc.umount2(OLD, MNT_DETACH))
  process.chdir(NEW)
  check(libc, 'pivot_root', libc.pivotRoot('.', '.'))
  // The base lies over the new root now.
  check(libc, 'umount', libc.umount2('.', MNT_DETACH))
  process.chdir('/')
  process.umask(umask)
}

/** The last user namespace is yet to get its map, through /proc; the runner makes it read-only in any case. */
function isTooEarly (step: Step): boolean {
  return step.do === 'read-only' && step.at === '/proc'
}

function resolveSource (step: Step): Step {
  if (step.do !== 'bind') {
    return step
  }

  try {
    return { ...step, from: realpathSync(step.from) }
  } catch (err) {
    if (step.optional === true) {
      return step
    }

    throw err
  }
}

/** @param isRoot - is there a root here, whose terminals could be? */
function carryOut (libc: Libc, step: Step, isRoot: boolean): void {
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
      makeDevices(libc, isRoot)
      break
    case 'read-only':
      check(libc, `remount ${step.at}`, restrict(libc, join(NEW, step.at), MS_RDONLY))
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
  check(libc, `remount ${from}`, restrict(libc, at, MS_RDONLY | MS_NOSUID | MS_NODEV, () => mountsBelow(at)))
}

/** As bubblewrap's --dev makes it. */
function makeDevices (libc: Libc, isRoot: boolean): void {
  const dev = join(NEW, '/dev')

  mkdirSync(dev)
  mount(libc, 'tmpfs', dev, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=0755,size=65536,nr_inodes=64')

  for (const name of DEVICES) {
    makePlace(join(dev, name), false)
    mount(libc, join(OLD, '/dev', name), join(dev, name), '', MS_BIND, '')
    check(libc, `remount /dev/${name}`, restrict(libc, join(dev, name), MS_NOSUID))
  }

  mkdirSync(join(dev, 'pts'), { mode: 0o755 })

  if (isRoot) {
    mount(libc, 'devpts', join(dev, 'pts'), 'devpts', MS_NOSUID | MS_NOEXEC, 'newinstance,ptmxmode=0666,mode=620')
  }

  mkdirSync(join(dev, 'shm'), { mode: 0o755 })
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

/** Mount points below a path of the new root. The old /proc still tells of them; proc(5): the fifth field, with three digits for what separates fields. */
function mountsBelow (path: string): string[] {
  return readFileSync(join(OLD, '/proc/self/mountinfo'), 'latin1').split('\n')
    .map(line => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))))
    .filter(point => point.startsWith(`${path}/`))
    .map(point => Buffer.from(point, 'latin1').toString('utf8'))
}
