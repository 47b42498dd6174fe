import { TICK_MS } from './noise-files.ts'

/** What kept the cores busy until a moment; differences of two are what counts. Milliseconds. */
export interface LoadReading {
  atMs: number
  /** Logical processors that were looked at. */
  cores: number
  /** Time that they were busy or taken away by a hypervisor, summed over them. */
  busyMs: number
  /** CPU time of the process that looks, whose work ends when it has nothing to do. */
  ownMs: number
}

/** Others may use this share of the cores of a quiet machine. A convention: the grade A of noise begins there. */
export const QUIET_SHARE = 0.05

/** A shorter window cannot tell a quiet machine from one that paused; what is older tells of the past. */
export const SHORTEST_WINDOW_MS = 50
const OLDEST_WINDOW_MS = 2_500

/**
 * The share of the cores that others used between two readings, 0 to 1.
 * Counters are in ticks: one of them is nothing.
 */
export function otherLoad (from: LoadReading, to: LoadReading): number {
  const wholeMs = (to.atMs - from.atMs) * to.cores
  const othersMs = (to.busyMs - from.busyMs) - (to.ownMs - from.ownMs) - TICK_MS

  return wholeMs > 0 ? Math.min(1, Math.max(0, othersMs / wholeMs)) : 1
}

/** Was the machine quiet between two readings? Undefined when they lie too close together, or too far apart, to tell of now. */
export function wasQuiet (from: LoadReading, to: LoadReading): boolean | undefined {
  const windowMs = to.atMs - from.atMs

  return windowMs < SHORTEST_WINDOW_MS || windowMs > OLDEST_WINDOW_MS || from.cores !== to.cores ? undefined : otherLoad(from, to) < QUIET_SHARE
}

/**
 * From /proc/stat, of some logical processors or of all; undefined where the
 * kernel does not tell.
 */
export function parseBusy (stat: string, processors?: readonly number[]): Pick<LoadReading, 'cores' | 'busyMs'> | undefined {
  const wanted = processors == null ? undefined : new Set(processors)
  let cores = 0
  let ticks = 0

  for (const [, processor, counts] of stat.matchAll(/^cpu(\d+) (.+)$/gm)) {
    if (wanted?.has(Number(processor)) !== false) {
      // user nice system idle iowait irq softirq steal …; guest time is part of user.
      const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = counts!.trim().split(/\s+/).map(Number)

      cores++
      ticks += user + nice + system + irq + softirq + steal
    }
  }

  return cores === 0 || !Number.isFinite(ticks) ? undefined : { cores, busyMs: ticks * TICK_MS }
}
