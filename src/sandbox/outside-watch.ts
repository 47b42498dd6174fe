import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { exceedsMemory, sum, useOf } from './process-use.ts'
import type { Limits } from '../model/limits.ts'
import type { ProcessUse } from './process-use.ts'

const INTERVAL_MS = 100
const LEAST_INTERVAL_MS = 10
const MOST_INTERVAL_MS = 1_000

/** Looks go through all processes of the machine, and may take this part of the time at most. */
const INTERVAL_PER_COST = 200

/** Beyond the limit of CPU time: a single process meets the kernel's own limit before, which tells more. */
const SPARE_CPU_MS = 100

/** What is left to look at: what the box's control group bounds or bills, the runner asks it. */
export interface Unbounded {
  memory: boolean
  cpu: boolean
}

/**
 * Watches the limits that hold for all processes of a run together, for boxes
 * whose runner has no /proc to look at them. It can only end the box: from
 * outside, runs and their programs are not told apart.
 */
export class OutsideWatch {
  readonly #runner: number
  readonly #limits: Limits
  readonly #unbounded: Unbounded
  readonly #exceeded: (limit: 'memory' | 'cpu') => void
  readonly #pageBytes: number
  #timer: NodeJS.Timeout | undefined

  /**
   * @param runner - its pid, and the size of a page of memory
   * @param exceeded - called once; nothing is watched afterwards
   */
  constructor ({ pid, pageBytes }: { pid: number, pageBytes: number }, limits: Limits, unbounded: Unbounded, exceeded: (limit: 'memory' | 'cpu') => void) {
    this.#runner = pid
    this.#pageBytes = pageBytes
    this.#limits = limits
    this.#unbounded = unbounded
    this.#exceeded = exceeded
  }

  start (): void {
    if (this.#unbounded.memory || (this.#unbounded.cpu && this.#limits.cpuMs != null)) {
      this.#timer = setTimeout(() => { this.#look() }, INTERVAL_MS)
    }
  }

  stop (): void {
    clearTimeout(this.#timer)
  }

  #look (): void {
    const { memoryBytes, cpuMs } = this.#limits
    const beganMs = performance.now()
    const look = () => descendants(this.#runner, this.#pageBytes)
    const all = look()

    if (this.#unbounded.memory && exceedsMemory(all, look, memoryBytes)) {
      this.#exceeded('memory')
      return
    }

    const leftMs = !this.#unbounded.cpu || cpuMs == null ? Infinity : cpuMs + SPARE_CPU_MS - sum(all, use => use.cpuMs)

    if (leftMs <= 0) {
      this.#exceeded('cpu')
      return
    }

    const restMs = Math.max(INTERVAL_MS, (performance.now() - beganMs) * INTERVAL_PER_COST)

    this.#timer = setTimeout(() => { this.#look() }, Math.max(LEAST_INTERVAL_MS, Math.min(restMs, leftMs / availableParallelism(), MOST_INTERVAL_MS)))
  }
}

/** Everybody in the box but the runner, who adopts whom his parent leaves behind. */
function descendants (runner: number, pageBytes: number): ProcessUse[] {
  const children = new Map<number, ProcessUse[]>()

  for (const name of readdirSync('/proc')) {
    const use = /^\d+$/.test(name) ? useOf(Number(name), pageBytes) : undefined

    if (use != null) {
      const siblings = children.get(use.parent)

      if (siblings == null) {
        children.set(use.parent, [use])
      } else {
        siblings.push(use)
      }
    }
  }

  const all = [...children.get(runner) ?? []]

  // It grows while it is gone through. A number that was given anew during the look cannot lead round in a circle for ever.
  for (const { pid } of all) {
    all.push(...children.get(pid) ?? [])
    children.delete(pid)
  }

  return all
}
