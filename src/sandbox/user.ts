import { readdirSync, readFileSync, statSync } from 'node:fs'
import { MeshmarkError } from '../model/errors.ts'

export interface User {
  uid: number
  gid: number
}

/** The user that is taken when nobody names one. */
const DEFAULT_USER = 'meshmark'

/** Numbers that systemd gives to services with DynamicUser=: no files belong to them. */
const DYNAMIC_FIRST = 61_184
const DYNAMIC_LAST = 65_519

/**
 * The lower half is for workers, the upper for their programs: whose number has
 * no process while no program runs, and would look free to the next worker.
 */
const WORKERS_LAST = Math.floor((DYNAMIC_FIRST + DYNAMIC_LAST) / 2)

/**
 * Whom a worker that was started as root becomes: the named user, else
 * `meshmark` if there is one, else a free number. Undefined when it is not
 * root, and so stays who it is.
 */
export function chooseUser (opts: { user?: string } = {}): User | undefined {
  if (process.getuid?.() !== 0) {
    if (opts.user != null) {
      throw new MeshmarkError('usage', `cannot become user '${opts.user}': only root can; start the worker as that user`)
    }

    return undefined
  }

  const passwd = readTable('/etc/passwd')

  if (opts.user != null) {
    const user = find(passwd, opts.user)

    if (user == null) {
      throw new MeshmarkError('usage', `there is no user '${opts.user}': create it with useradd --system ${opts.user}`)
    }

    return user
  }

  return find(passwd, DEFAULT_USER) ?? freeUser(passwd, range(DYNAMIC_FIRST, WORKERS_LAST))
}

/**
 * The number that programs get in boxes: nobody's, no worker's, and another one
 * for each number that a worker can be given.
 */
export function chooseSecondUser (first: User): User {
  const dynamic = first.uid >= DYNAMIC_FIRST && first.uid <= WORKERS_LAST
  const highest = dynamic ? DYNAMIC_LAST - (first.uid - DYNAMIC_FIRST) : DYNAMIC_LAST

  return freeUser(readTable('/etc/passwd'), range(WORKERS_LAST + 1, highest).reverse())
}

/**
 * Gives up root for good, on every thread, and checks with the kernel that
 * nothing of it is left. Must come before anything of a stranger is touched:
 * a program in a box has the worker's number outside of it.
 */
export function dropPrivileges (user: User): void {
  if (process.getuid?.() !== 0) {
    return
  }

  if (user.uid === 0 || user.gid === 0) {
    throw new MeshmarkError('refused', 'a worker cannot run as root: create a user for it with useradd --system meshmark')
  }

  process.setgroups?.([])
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)

  for (const thread of readdirSync('/proc/self/task')) {
    checkThread(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'), user)
  }
}

function checkThread (status: string, user: User): void {
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? ''
  const only = (name: string, id: number) => field(name).split(/\s+/).every(value => Number(value) === id)

  if (!only('Uid', user.uid) || !only('Gid', user.gid) || field('Groups') !== '' ||
    ['CapPrm', 'CapEff', 'CapAmb'].some(name => BigInt(`0x${field(name)}`) !== 0n)) {
    throw new MeshmarkError('refused', `root could not be given up for user ${user.uid}: start the worker as an ordinary user`)
  }
}

/** passwd(5): name, password, uid, gid. */
function readTable (path: string): string[][] {
  try {
    return readFileSync(path, 'utf8').split('\n').map(line => line.split(':'))
  } catch {
    return []
  }
}

function find (passwd: string[][], name: string): User | undefined {
  const [, , uid, gid] = passwd.find(([entry]) => entry === name) ?? []

  return uid == null || gid == null ? undefined : { uid: Number(uid), gid: Number(gid) }
}

function range (first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function freeUser (passwd: string[][], candidates: readonly number[]): User {
  const taken = new Set([...passwd.map(([, , uid]) => Number(uid)), ...readTable('/etc/group').map(([, , gid]) => Number(gid)), ...runningUids()])

  for (const id of candidates) {
    if (!taken.has(id)) {
      return { uid: id, gid: id }
    }
  }

  throw new MeshmarkError('refused', 'no free user number for the worker: create a user with useradd --system meshmark')
}

/** Owners of the processes of this machine. */
function runningUids (): number[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(pid => {
    try {
      return [statSync(`/proc/${pid}`).uid]
    } catch {
      return []
    }
  })
}
