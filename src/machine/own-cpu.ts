import { median } from '../stats/quantile.ts'
import type { CommandResult } from '../model/result.ts'

/**
 * The most CPU time that a measurement can have used itself within
 * `elapsedMs`: what its runs used, as much again for each warm-up run, and one
 * core for all the time in between, when the runner (one thread) prepares the
 * next run. An upper bound on purpose: a runner that is busy between short runs
 * must not look like a stranger, and what disturbs no run does not matter.
 */
export function ownCpuMs (commands: readonly CommandResult[], elapsedMs: number): number {
  let cpuNs = 0
  let wallNs = 0

  for (const { samples, warmups } of commands) {
    // Without a measured run nothing is known of the warm-ups.
    const perWarmup = (values: number[]): number => values.length === 0 ? 0 : warmups * median(values)
    const cpu = samples.map(sample => sample.cpuNs)
    const wall = samples.map(sample => sample.wallNs)

    cpuNs += cpu.reduce((sum, ns) => sum + ns, perWarmup(cpu))
    wallNs += wall.reduce((sum, ns) => sum + ns, perWarmup(wall))
  }

  return cpuNs / 1e6 + Math.max(0, elapsedMs - wallNs / 1e6)
}
