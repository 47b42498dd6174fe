import { writeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { CounterFile } from './bill-counter.ts'
import { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLONE_NEWCGROUP } from '../native/libc.ts'
import { check } from './boot.ts'
import type { CpuMethod, MemoryMethod } from '../../model/methods.ts'
import type { GroupHandles } from '../cgroup/handles.ts'
import type { Libc } from '../native/libc.ts'

/**
 * The kernel charges memory in batches of so many pages, and keeps what is not
 * used of them for each processor. A short program is on few processors.
 */
const BATCH_PAGES = 64
const BATCHES = 4

/** What the box's control group says of one run. */
export interface Bill {
  /** Absent: only rusage is known. */
  cpuNs?: number
  /** Peak of all processes together, to some 64 pages: memory of their own, page cache that they filled, files they wrote to memory. */
  memoryBytes?: number
  /** The kernel killed somebody for the limit of memory. */
  outOfMemory: boolean
  /** The kernel refused a process or thread for their limit. */
  forksRefused: boolean
}

/**
 * The calling thread enters the box's group, with all others where the group
 * takes whole processes, and from then on sees no group above it: their names
 * would tell of the worker. Needs a capability that this thread gives up.
 */
export function enterGroup (libc: Libc, group: GroupHandles): void {
  group.join.forEach(fd => { writeSync(fd, '0') })
  check(libc, 'unshare', libc.unshare(CLONE_NEWCGROUP))
}

/**
 * The box's control group, as far as there is one. Each quantity is billed by
 * itself. Descriptors and buffers are kept, so that a run costs some ten
 * system calls, none of them between the two readings of its clock.
 */
export class Meter {
  readonly cpuMethod: CpuMethod
  /** Absent: memory is not billed run by run. */
  readonly memoryMethod: MemoryMethod | undefined
  /** What the kernel bounds for all processes together. */
  readonly bounds: { memory: boolean, processes: boolean }
  readonly #libc: Libc
  readonly #usage: CounterFile | undefined
  readonly #peak: CounterFile | undefined
  readonly #kills: CounterFile | undefined
  readonly #refusals: CounterFile | undefined
  /** Of those of the runner's threads that are in the group. */
  readonly #ownClock: number
  readonly #time = Buffer.alloc(16)
  readonly #batchedBytes: number
  #startNs = 0
  #baseBytes = 0
  #killed = 0
  #refused = 0

  constructor (libc: Libc, group?: GroupHandles) {
    this.#libc = libc
    this.#batchedBytes = libc.getpagesize() * BATCH_PAGES * Math.min(BATCHES, availableParallelism())
    this.#usage = group?.cpu == null ? undefined : group.cpu.method === 'cgroup-v1' ? new CounterFile(group.cpu.usage) : new CounterFile(group.cpu.usage, 'usage_usec', 1_000)
    this.#ownClock = group?.cpu?.whole === true ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID
    this.#peak = group?.memory == null ? undefined : new CounterFile(group.memory.peak)
    this.#kills = group?.oom == null ? undefined : new CounterFile(group.oom, 'oom_kill')
    this.#refusals = group?.forks == null ? undefined : new CounterFile(group.forks, 'max')
    this.cpuMethod = group?.cpu?.method ?? 'rusage'
    this.memoryMethod = group?.memory?.method
    this.bounds = { memory: this.#kills != null, processes: this.#refusals != null }
  }

  /** Right before a run. */
  begin (): void {
    this.#killed = this.#kills?.read() ?? 0
    this.#refused = this.#refusals?.read() ?? 0

    if (this.#peak != null) {
      // From here on it is the peak since now, which is what earlier runs left in the group: page cache, and batches that this run uses up.
      this.#peak.reset()
      this.#baseBytes = Math.max(0, this.#peak.read() - this.#batchedBytes)
    }

    this.#startNs = this.#programsNs()
  }

  /** CPU time of all processes since `begin`, nanoseconds; undefined where rusage must do. */
  cpuNs (): number | undefined {
    return this.#usage == null ? undefined : Math.max(0, this.#programsNs() - this.#startNs)
  }

  /** CPU time of the calling thread; how long it waited for a processor is not in it. */
  threadMs (): number {
    return this.#readClock(CLOCK_THREAD_CPUTIME_ID) / 1e6
  }

  outOfMemory (): boolean {
    return this.#kills != null && this.#kills.read() > this.#killed
  }

  /** When everybody of the run is gone. */
  end (): Bill {
    const cpuNs = this.cpuNs()

    return {
      ...(cpuNs == null ? {} : { cpuNs }),
      ...(this.#peak == null ? {} : { memoryBytes: Math.max(0, this.#peak.read() - this.#baseBytes) }),
      outOfMemory: this.outOfMemory(),
      forksRefused: this.#refusals != null && this.#refusals.read() > this.#refused
    }
  }

  /**
   * What the group has used without the runner. The clock comes first: reading
   * it makes the scheduler write down what this thread has used up to now, for
   * the thread as for the group.
   */
  #programsNs (): number {
    if (this.#usage == null) {
      return 0
    }

    const ownNs = this.#readClock(this.#ownClock)

    return this.#usage.read() - ownNs
  }

  #readClock (clock: number): number {
    this.#libc.clock_gettime(clock, this.#time)

    return Number(this.#time.readBigInt64LE(0)) * 1e9 + Number(this.#time.readBigInt64LE(8))
  }
}
