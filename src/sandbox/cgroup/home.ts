import { chownSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { toError } from '../../model/errors.ts'
import { DEFAULT_LIMITS } from '../../model/limits.ts'
import { startTime } from '../../machine/start-time.ts'
import { has, readGroup, remove, removeEmpty, writeGroup } from './files.ts'
import { BoxGroup } from './group.ts'
import { homeName, sweepHomes } from './leftovers.ts'
import { ownGroups } from './mounts.ts'
import type { CpuMethod, MemoryMethod, ProcessMethod } from '../../model/methods.ts'
import type { Hierarchy } from './group.ts'
import type { OwnGroup } from './mounts.ts'

type Bill = Hierarchy['bills'][number]

interface Made extends Hierarchy {
  /** Controllers that were enabled for this in the group above. */
  enabled: readonly string[]
}

/** The controller of version 1 that each bill needs. */
const CONTROLLERS: Record<Bill, string> = { cpu: 'cpuacct', memory: 'memory', processes: 'pids' }

const WORDS: Record<Bill, string> = { cpu: 'CPU time', memory: 'memory', processes: 'processes' }

/** Where the worker itself lives when its home may not hold processes. */
const WORKER = 'worker'

/** What the owner of a group must be able to write to, to make groups below it and to move processes between those. */
const DELEGATED = ['.', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks']

const ADVICE = 'start the worker as root, or by systemd-run --user --scope -p Delegate=yes meshmark worker'

/** As chown wants it. */
interface Owner { uid: number, gid: number }

export interface HomeOptions {
  /** Whom the worker becomes, when it is root now. */
  owner?: Owner
  /** What to read of this process; for tests. @default /proc/self */
  proc?: string
}

/**
 * Where a worker has its boxes' control groups: a folder of its own in each
 * hierarchy that bills something, below the group it was started in.
 */
export class CgroupHome {
  /** One per hierarchy. Groups are directly below them; whoever removes one removes those first. */
  readonly folders: readonly string[]
  /** What boxes get. */
  readonly methods: { cpu: CpuMethod, memory: Exclude<MemoryMethod, 'none'>, processes: ProcessMethod }
  /** Of the hierarchy that bounds memory, where one does. */
  readonly version: 'v1' | 'v2'
  /** What the kernel bounds for all processes of a run together. */
  readonly bounds: { memory: boolean, processes: boolean }
  /** What is not billed or bounded this way, with the reason. */
  readonly caveats: readonly string[]
  readonly #hierarchies: readonly Made[]
  #boxes = 0

  private constructor (hierarchies: readonly Made[], caveats: readonly string[]) {
    this.#hierarchies = hierarchies
    this.folders = hierarchies.map(({ folder }) => folder)
    this.version = (hierarchies.find(({ bills }) => bills.includes('memory')) ?? hierarchies[0])?.kind === 'v1' ? 'v1' : 'v2'

    const probe = this.createGroup()

    try {
      const { cpu, memory, oom, forks } = probe.handles(0)

      // What cannot be limited here is better known now than when a task comes.
      probe.setLimits(DEFAULT_LIMITS, 1)

      this.methods = {
        cpu: cpu?.method ?? 'rusage',
        memory: memory?.method ?? 'adopted-maxrss',
        processes: forks == null ? 'rlimit' : hierarchies.find(({ bills }) => bills.includes('processes'))?.kind === 'v1' ? 'cgroup-v1' : 'cgroup-v2'
      }
      this.bounds = { memory: oom != null, processes: forks != null }
      this.caveats = [...caveats, ...(oom != null && memory == null ? ['the peak of memory is not billed by a cgroup: the kernel is older than 6.12'] : [])]
    } finally {
      probe.discard()
    }
  }

  /**
   * To be called before root is given up and before any other thread or child
   * process matters: with version 2, this process moves into its home.
   *
   * @returns a sentence for people when no hierarchy bills anything
   */
  static create ({ owner, proc = '/proc/self' }: HomeOptions = {}): CgroupHome | string {
    const made: Made[] = []

    try {
      const owns = ownGroups(readFileSync(join(proc, 'mountinfo'), 'utf8'), readFileSync(join(proc, 'cgroup'), 'utf8'))
      const name = homeName(process.pid, startTime(process.pid) ?? '')
      const reasons = new Map<Bill, string>()

      if (owns.length === 0) {
        return 'no hierarchy of control groups is mounted for writing: mount cgroup2 on /sys/fs/cgroup, or start the container with a writable one'
      }

      for (const own of owns) {
        sweepHomes(own.folder)
      }

      const v2 = owns.find(({ version }) => version === 2)
      const billed = (): Bill[] => made.flatMap(({ bills }) => bills)
      const explain = (err: unknown) => (bill: Bill) => { reasons.set(bill, explained(err)) }

      if (v2 != null) {
        try {
          made.push(makeV2(v2, name, owner, bill => owns.some(own => own.version === 1 && own.controllers.includes(CONTROLLERS[bill])), reasons))
        } catch (err) {
          (['cpu', 'memory', 'processes'] as const).forEach(explain(err))
        }
      }

      for (const own of owns.filter(({ version }) => version === 1)) {
        const bills = (['cpu', 'memory', 'processes'] as const).filter(bill => own.controllers.includes(CONTROLLERS[bill]) && !billed().includes(bill))

        if (bills.length > 0) {
          try {
            made.push({ kind: 'v1', folder: makeHome(own.folder, name, owner), bills, enabled: [] })
          } catch (err) {
            bills.forEach(explain(err))
          }
        }
      }

      const missing = (['cpu', 'memory', 'processes'] as const).filter(bill => !billed().includes(bill))
      const caveats = missing.map(bill => `${WORDS[bill]} of a run: not billed by a cgroup; ${reasons.get(bill) ?? `the kernel offers no ${CONTROLLERS[bill]} controller here`}`)

      if (made.length === 0) {
        return caveats[0] ?? 'no control group could be made'
      }

      return new CgroupHome(made, caveats)
    } catch (err) {
      made.forEach(hierarchy => {
        leave(hierarchy)
        removeEmpty(hierarchy.folder)
      })
      return `no control group could be made: ${explained(err)}`
    }
  }

  /** For one box. Throws what the kernel says. */
  createGroup (): BoxGroup {
    return BoxGroup.create(this.#hierarchies, `box-${this.#boxes++}`)
  }

  /**
   * Removes what this process may remove, itself from it first. Whoever has
   * given root up needs somebody who has not.
   *
   * @returns the folders that are still there
   */
  async close (): Promise<string[]> {
    this.#hierarchies.forEach(leave)

    const removed = await Promise.all(this.#hierarchies.map(async ({ kind, folder }) => {
      // Whoever is still in a home of version 2 was started by this worker and is no box.
      return (kind === 'v1' ? await remove(folder) : removeEmpty(folder)) ? [] : [folder]
    }))

    return removed.flat()
  }
}

function makeHome (own: string, name: string, owner: Owner | undefined): string {
  const folder = join(own, name)

  mkdirSync(folder, 0o755)
  delegate(folder, owner)
  return folder
}

function delegate (folder: string, owner: Owner | undefined): void {
  if (owner != null) {
    for (const file of DELEGATED.filter(file => has(folder, file))) {
      chownSync(join(folder, file), owner.uid, owner.gid)
    }
  }
}

/**
 * The hierarchy of version 2, with this process in it: whoever moves between
 * groups needs a right over what is above both of them. CPU time is billed
 * without any controller.
 *
 * Not run on a kernel that offers the memory controller in version 2: the part
 * that enables it.
 */
function makeV2 (own: OwnGroup, name: string, owner: Owner | undefined, elsewhere: (bill: Bill) => boolean, reasons: Map<Bill, string>): Made {
  const offered = readGroup(own.folder, 'cgroup.controllers').split(' ')
  const wanted = (['memory', 'processes'] as const).filter(bill => !elsewhere(bill) && offered.includes(CONTROLLERS[bill]))
  const made: Made = { kind: 'v2-thread', folder: makeHome(own.folder, name, owner), bills: ['cpu'], enabled: [] }

  try {
    if (wanted.includes('memory')) {
      const whole: Made = { ...made, kind: 'v2-process', bills: ['cpu', ...wanted] }

      try {
        whole.enabled = enterBelow(own.folder, whole.folder, wanted, owner)
        return whole
      } catch (err) {
        leave(whole)
        reasons.set('memory', (err as NodeJS.ErrnoException).code === 'EBUSY' ? `other processes share the worker's group: ${ADVICE}` : explained(err))
      }
    }

    writeGroup(made.folder, 'cgroup.procs', process.pid)

    if (wanted.includes('processes')) {
      try {
        // A threaded controller: it may be enabled above processes.
        made.enabled = enable(own.folder, ['pids'])
        enable(made.folder, ['pids'])
        made.bills = ['cpu', 'processes']
      } catch (err) {
        reasons.set('processes', explained(err))
      }
    }

    return made
  } catch (err) {
    leave(made)
    removeEmpty(made.folder)
    throw err
  }
}

/** A group with processes can have no domain controllers for those below it, so the worker moves one further down. Returns what was enabled in its own group. */
function enterBelow (own: string, folder: string, wanted: readonly Bill[], owner: Owner | undefined): string[] {
  const controllers = wanted.map(bill => CONTROLLERS[bill])
  const worker = join(folder, WORKER)

  mkdirSync(worker, 0o755)
  delegate(worker, owner)
  writeGroup(worker, 'cgroup.procs', process.pid)

  const enabled = enable(own, controllers)

  try {
    enable(folder, controllers)
    return enabled
  } catch (err) {
    disable(own, enabled)
    throw err
  }
}

/** Returns those that were not enabled before. */
function enable (folder: string, controllers: readonly string[]): string[] {
  const before = readGroup(folder, 'cgroup.subtree_control').split(' ')
  const added = controllers.filter(name => !before.includes(name))

  writeGroup(folder, 'cgroup.subtree_control', added.map(name => `+${name}`).join(' '))
  return added
}

/** Refused while somebody below uses them: they stay. */
function disable (folder: string, controllers: readonly string[]): void {
  attempt(() => { writeGroup(folder, 'cgroup.subtree_control', controllers.map(name => `-${name}`).join(' ')) })
}

/** This process goes back where it was, and what was enabled for it is disabled, as far as both are allowed. */
function leave ({ kind, folder, enabled }: Made): void {
  if (kind !== 'v1') {
    attempt(() => { disable(folder, readGroup(folder, 'cgroup.subtree_control').split(' ').filter(name => name !== '')) })
    disable(dirname(folder), enabled)
    attempt(() => { writeGroup(dirname(folder), 'cgroup.procs', process.pid) })
    attempt(() => { rmdirSync(join(folder, WORKER)) })
  }
}

function attempt (step: () => void): void {
  try {
    step()
  } catch { /* what comes after it may be allowed */ }
}

function explained (err: unknown): string {
  const { code, path } = err as NodeJS.ErrnoException

  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `no right to make groups below the worker's own: ${ADVICE}`
    case 'EROFS':
      return `control groups are mounted read-only: ${ADVICE}`
    default:
      return `${toError(err).message}${path == null ? '' : ` (${basename(path)})`}`
  }
}
