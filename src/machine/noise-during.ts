import { medianAbsoluteDeviation } from '../stats/mad.ts'
import { median } from '../stats/quantile.ts'
import type { CommandResult } from '../model/result.ts'
import type { Sample } from '../model/sample.ts'

/** Runs that waited for something, of all of which that can be said. */
export interface UnusualWaits { waited: number, runs: number }

/** Fewer runs have no usual gap. */
const FEWEST_RUNS = 6

/** How far from the usual a gap is unusual: in its own spreads, and as a part of the run. Conventions. */
const UNUSUAL_MADS = 10
const UNUSUAL_SHARE = 0.05

/**
 * In how many runs the wall time was further above the CPU time than is usual
 * for that program: it waited for a core, a disk or another process. A program
 * that sleeps waits in each run, and that is its usual gap; one of several
 * threads has a CPU time above its wall time, and a gap below zero that waiting
 * raises all the same. The first run of a command does not count: what it waits
 * for are its own files.
 */
export function unusualWaits (commands: readonly CommandResult[]): UnusualWaits {
  let waited = 0
  let runs = 0

  for (const { samples } of commands) {
    if (samples.length < FEWEST_RUNS) {
      continue
    }

    const gaps = samples.map(({ wallNs, cpuNs }) => wallNs - cpuNs)
    const usual = median(gaps)
    const least = Math.max(UNUSUAL_MADS * medianAbsoluteDeviation(gaps), UNUSUAL_SHARE * median(samples.map(({ wallNs }) => wallNs)))

    runs += samples.length
    waited += gaps.filter((gap, index) => samples[index]!.run > 0 && gap - usual > least).length
  }

  return { waited, runs }
}

/** A run that is taken off its core once or twice was so by its own start and end. */
const OWN_SWITCHES = 2

/** Above this many CPU seconds per second a program has several threads, and they take cores from each other. */
const ONE_THREAD = 1.05

/** Less is not enough to speak of a rate. */
const SHORTEST_NS = 100e6

/**
 * How often per second of wall time programs were taken off their cores
 * against their will, beyond what each run does to itself. Undefined for
 * programs of several threads and for measurements too short to tell.
 */
export function involuntaryRate (commands: readonly CommandResult[]): number | undefined {
  const single = commands.flatMap(({ samples }) => isSingle(samples) ? samples : [])
  const wallNs = single.reduce((sum, sample) => sum + sample.wallNs, 0)

  return wallNs < SHORTEST_NS
    ? undefined
    : single.reduce((sum, { involuntarySwitches }) => sum + Math.max(0, involuntarySwitches - OWN_SWITCHES), 0) / (wallNs / 1e9)
}

function isSingle (samples: readonly Sample[]): boolean {
  return samples.length > 0 && median(samples.map(({ cpuNs, wallNs }) => wallNs > 0 ? cpuNs / wallNs : 0)) <= ONE_THREAD
}
