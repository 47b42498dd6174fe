import type { CpuMethod, MemoryMethod } from '../../model/methods.ts'

/**
 * What the runner is given of its box's group: numbers of descriptors that it
 * inherited. A box sees no control groups, so there are no paths.
 */
export interface GroupHandles {
  /** Whoever writes '0' to them enters: one per hierarchy. */
  join: number[]
  /** `whole`: every thread of the runner enters, not only the one that writes; its time is in the bill. */
  cpu?: { method: Exclude<CpuMethod, 'rusage'>, usage: number, whole: boolean }
  /** Writing to it starts a new peak. */
  memory?: { method: Extract<MemoryMethod, `cgroup-${string}`>, peak: number }
  /** The kernel bounds the memory of all processes together, and counts here whom it killed for it. */
  oom?: number
  /** The kernel bounds the number of processes, and counts here what it refused. */
  forks?: number
}
