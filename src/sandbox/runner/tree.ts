import { readdirSync, statSync } from 'node:fs'
import { exceedsMemory, sum, useOf } from '../process-use.ts'
import { hasProc } from './facts.ts'
import type { LimitName, Limits } from '../../model/limits.ts'
import type { ProcessUse } from '../process-use.ts'
import type { Meter } from './bill.ts'

/** Runs that are shorter are never disturbed by a look, unless their limit of CPU time is. */
const INTERVAL_MS = 100

/** Near the limit of CPU time, so that it is met within 20 ms. */
const LEAST_INTERVAL_MS = 5

/** A look at all processes may take this part of the time at most; where it is how the CPU time is known, near its limit more. */
const INTERVAL_PER_COST = 500
const LAST_INTERVAL_PER_COST = 20

/** However many processes there are: with nothing else to bound their memory, looks must not become rare. */
const MOST_INTERVAL_MS = 1_000

/**
 * Watches the limits that hold for all processes of a run together. Where the
 * box's control group bounds or bills a quantity, it is asked; else all
 * processes are looked at: the kernel's other limits hold for one process each,
 * and RLIMIT_DATA knows nothing of shared memory.
 */
export class TreeWatch {
  /** Somebody stood at that limit when we looked. It is no limit's fault when the run ends well all the same. */
  readonly reached = { processes: false, openFiles: false }
  /** Until the next look. */
  intervalMs = INTERVAL_MS
  /** When all processes are looked at again, on the clock of performance.now(). */
  #allAtMs = 0
  readonly #limits: Limits
  readonly #meter: Meter
  readonly #pageBytes: number
  readonly #cores: number
  /** Without a /proc, nobody can be looked at: what the group does not say, the worker sees from outside. */
  readonly #sees = hasProc()

  /**
   * @param pageBytes - size of a page of memory
   * @param cores - on how many processors programs can use CPU time at once
   */
  constructor (limits: Limits, meter: Meter, pageBytes: number, cores: number) {
    this.#limits = limits
    this.#meter = meter
    this.#pageBytes = pageBytes
    this.#cores = cores
  }

  /** Before each run. */
  begin (): void {
    this.reached.processes = false
    this.reached.openFiles = false
    this.#allAtMs = 0
    this.#plan(0, 0)
  }

  /** Which of the limits is exceeded at this moment. */
  look (): LimitName | undefined {
    const { cpuMs } = this.#limits
    const nowMs = performance.now()
    const beganMs = this.#meter.threadMs()
    const billedNs = this.#meter.cpuNs()
    const all = this.#sees && (billedNs == null || nowMs >= this.#allAtMs) ? programs(this.#pageBytes) : undefined
    // Whoever ended keeps its bill until it is waited for, and then it is its parent's.
    const usedMs = billedNs == null ? sum(all ?? [], use => use.cpuMs) : billedNs / 1e6

    if (cpuMs != null && usedMs >= cpuMs) {
      return 'cpu'
    }

    if (this.#exceedsMemory(all)) {
      return 'memory'
    }

    if (all != null && nowMs >= this.#allAtMs) {
      this.#see(all)
      this.#allAtMs = nowMs + intervalFor(this.#meter.threadMs() - beganMs)
    }

    this.#plan(usedMs, this.#meter.threadMs() - beganMs)
    return undefined
  }

  /** After a run has failed, while what it started is still there; the program itself is not. */
  lookBack (): void {
    if (this.#sees) {
      this.#see(programs(this.#pageBytes), 1)
    }
  }

  #see (all: readonly ProcessUse[], ended = 0): void {
    const { processes, openFiles } = this.#limits

    this.reached.processes ||= !this.#meter.bounds.processes && sum(all, use => use.threads) + ended >= processes
    this.reached.openFiles ||= all.some(({ pid }) => countFiles(pid) >= openFiles)
  }

  #exceedsMemory (all: readonly ProcessUse[] | undefined): boolean {
    return this.#meter.bounds.memory ? this.#meter.outOfMemory() : all != null && exceedsMemory(all, () => programs(this.#pageBytes), this.#limits.memoryBytes)
  }

  #plan (usedMs: number, costMs: number): void {
    // The earliest moment at which the limit can be met.
    const leftMs = this.#limits.cpuMs == null ? Infinity : (this.#limits.cpuMs - usedMs) / this.#cores
    const billed = this.#meter.cpuMethod !== 'rusage'

    this.intervalMs = Math.ceil(leftMs < INTERVAL_MS
      ? Math.max(LEAST_INTERVAL_MS, leftMs, billed ? 0 : costMs * LAST_INTERVAL_PER_COST)
      : billed ? INTERVAL_MS : Math.min(intervalFor(costMs), leftMs))
  }
}

function intervalFor (costMs: number): number {
  return Math.min(MOST_INTERVAL_MS, Math.max(INTERVAL_MS, costMs * INTERVAL_PER_COST))
}

/** Every process of the box but the runner. */
function programs (pageBytes: number): ProcessUse[] {
  return readdirSync('/proc').flatMap(name => {
    const pid = Number(name)

    return pid > 1 ? useOf(pid, pageBytes) ?? [] : []
  })
}

/** Descriptors of a process; 0 when it does not let itself be looked at. */
function countFiles (pid: number): number {
  try {
    const folder = `/proc/${pid}/fd`

    // The size says it since Linux 6.2.
    return statSync(folder).size || readdirSync(folder).length
  } catch {
    return 0
  }
}
