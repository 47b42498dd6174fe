import { closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { counter, has, readGroup, remove, removeEmpty, writeGroup } from './files.ts'
import type { Limits } from '../../model/limits.ts'
import type { GroupHandles } from './handles.ts'

/**
 * How a hierarchy takes part:
 *
 * - `v1`: the runner's spawning thread joins, and programs are born beside it.
 *   Memory is charged by the owner of an address space, which is the runner's
 *   main thread and stays outside; so the runner is neither billed nor killed.
 * - `v2-thread`: the same, in a threaded group. Only for what needs no domain
 *   controller: CPU time and the number of processes.
 * - `v2-process`: memory is a domain controller, so a process is in one group
 *   with all its threads. The whole runner joins. What it has touched before
 *   stays charged where it was; what it touches later counts, and it may be
 *   whom the kernel kills when every process of a program is smaller.
 */
export type HierarchyKind = 'v1' | 'v2-thread' | 'v2-process'

/** What is used of a hierarchy, and the worker's folder in it. */
export interface Hierarchy {
  kind: HierarchyKind
  folder: string
  bills: readonly ('cpu' | 'memory' | 'processes')[]
}

/** The files of one quantity in version 1 and in version 2. */
const FILES = {
  v1: { join: 'tasks', usage: 'cpuacct.usage', peak: 'memory.max_usage_in_bytes', oom: 'memory.oom_control', current: 'memory.usage_in_bytes', limit: 'memory.limit_in_bytes' },
  'v2-thread': { join: 'cgroup.threads', usage: 'cpu.stat' },
  'v2-process': { join: 'cgroup.procs', usage: 'cpu.stat', peak: 'memory.peak', oom: 'memory.events', current: 'memory.current', limit: 'memory.max' }
} as const

const FORKS = 'pids.events'

/** The control groups of one box, one per hierarchy, with the descriptors by which its runner reaches them. */
export class BoxGroup {
  /** To be inherited by whoever builds the box, in this order; see `handles`. */
  readonly descriptors: number[] = []
  /** Of memory. */
  #limitBytes = Infinity
  readonly #parts: { hierarchy: Hierarchy, folder: string }[] = []
  /** Offsets into `descriptors` where the runner will have numbers. */
  readonly #offsets: GroupHandles = { join: [] }

  private constructor () {}

  /** Throws what the kernel says; nothing is left of it then. */
  static create (hierarchies: readonly Hierarchy[], name: string): BoxGroup {
    const group = new BoxGroup()

    try {
      hierarchies.forEach(hierarchy => { group.#add(hierarchy, name) })
      return group
    } catch (err) {
      group.discard()
      throw err
    }
  }

  /** For the runner, when it finds the first of the descriptors as number `first` and the others after it. */
  handles (first: number): GroupHandles {
    const { join, cpu, memory, oom, forks } = this.#offsets

    return {
      join: join.map(offset => first + offset),
      ...(cpu == null ? {} : { cpu: { ...cpu, usage: first + cpu.usage } }),
      ...(memory == null ? {} : { memory: { ...memory, peak: first + memory.peak } }),
      ...(oom == null ? {} : { oom: first + oom }),
      ...(forks == null ? {} : { forks: first + forks })
    }
  }

  /** Closes this process's descriptors; to be called once they are inherited. */
  passed (): void {
    this.descriptors.splice(0).forEach(fd => { closeSync(fd) })
  }

  /** Before anybody has joined. */
  discard (): void {
    this.passed()
    this.#parts.forEach(({ folder }) => removeEmpty(folder))
  }

  /**
   * Before a program runs. Throws what the kernel says.
   *
   * @param threads - of the runner
   */
  setLimits ({ memoryBytes, processes }: Limits, threads: number): void {
    for (const { hierarchy: { kind, bills }, folder } of this.#parts) {
      if (bills.includes('memory') && kind !== 'v2-thread') {
        // What is charged already is not the program's.
        const bytes = memoryBytes + Number(readGroup(folder, FILES[kind].current))

        // No swap: it would be more memory than the limit says, and slow. A kernel may have been built or started without.
        const files = [FILES[kind].limit, ...(kind === 'v1' && has(folder, 'memory.memsw.limit_in_bytes') ? ['memory.memsw.limit_in_bytes'] : [])]

        // The limit with swap is never below the other one.
        for (const file of bytes > this.#limitBytes ? files.reverse() : files) {
          writeGroup(folder, file, bytes)
        }

        this.#limitBytes = bytes

        if (kind === 'v2-process' && has(folder, 'memory.swap.max')) {
          writeGroup(folder, 'memory.swap.max', 0)
        }
      }

      if (bills.includes('processes')) {
        writeGroup(folder, 'pids.max', processes + (kind === 'v2-process' ? threads : 1))
      }
    }
  }

  /** Memory that is charged to it now; 0 where the kernel does not say. */
  chargedBytes (): number {
    return this.#parts.reduce((bytes, { hierarchy: { kind, bills }, folder }) => {
      return bytes + (bills.includes('memory') && kind !== 'v2-thread' ? Number(readGroup(folder, FILES[kind].current)) : 0)
    }, 0)
  }

  /** How many processes the kernel has killed for the limit of memory. */
  oomKills (): number {
    return this.#parts.reduce((kills, { hierarchy: { kind, bills }, folder }) => {
      return kills + (bills.includes('memory') && kind !== 'v2-thread' ? counter(readGroup(folder, FILES[kind].oom), 'oom_kill') : 0)
    }, 0)
  }

  /**
   * After the box has ended: whatever is left in its groups is ended, too.
   *
   * @returns the folders that could not be removed
   */
  async close (): Promise<string[]> {
    this.passed()

    const removed = await Promise.all(this.#parts.map(async ({ folder }) => await remove(folder) ? [] : [folder]))

    return removed.flat()
  }

  #add (hierarchy: Hierarchy, name: string): void {
    const { kind, bills } = hierarchy
    const folder = join(hierarchy.folder, name)
    const files = FILES[kind]
    const offsets = this.#offsets

    mkdirSync(folder, 0o755)
    this.#parts.push({ hierarchy, folder })

    if (kind === 'v2-thread') {
      writeGroup(folder, 'cgroup.type', 'threaded')
    }

    offsets.join.push(this.#open(folder, files.join, constants.O_WRONLY))

    if (bills.includes('cpu')) {
      offsets.cpu = { method: kind === 'v1' ? 'cgroup-v1' : 'cgroup-v2', usage: this.#open(folder, files.usage, constants.O_RDONLY), whole: kind === 'v2-process' }
    }

    if (bills.includes('memory') && kind !== 'v2-thread' && 'peak' in files) {
      offsets.oom = this.#open(folder, files.oom, constants.O_RDONLY)

      if (peakCanBeReset(folder, kind)) {
        offsets.memory = { method: kind === 'v1' ? 'cgroup-v1-peak' : 'cgroup-v2-peak', peak: this.#open(folder, files.peak, constants.O_RDWR) }
      }
    }

    if (bills.includes('processes')) {
      offsets.forks = this.#open(folder, FORKS, constants.O_RDONLY)
    }
  }

  #open (folder: string, file: string, flags: number): number {
    return this.descriptors.push(openSync(join(folder, file), flags)) - 1
  }
}

/**
 * Version 2 has the file since Linux 5.19 and lets it be written to since 6.12.
 * A peak that only grows would say nothing of a second run. Root may open
 * anything for writing, so the mode is asked.
 */
function peakCanBeReset (folder: string, kind: 'v1' | 'v2-process'): boolean {
  return ((statSync(join(folder, FILES[kind].peak), { throwIfNoEntry: false })?.mode ?? 0) & 0o200) !== 0
}
