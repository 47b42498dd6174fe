import { MAX_LATEST_RUNS } from '../../model/sample.ts'
import { median } from '../../stats/quantile.ts'
import type { Sample, SampleFigures } from '../../model/sample.ts'

/** A median is told while sorting so many is nothing beside a run. */
const MAX_FOR_MEDIAN = 10_000

/** Of reports in between only the last may arrive: each has what was new for so long. */
const WINDOW_MS = 500

interface Runs {
  wallNs: number[]
  latest: Array<{ figures: SampleFigures, atMs: number }>
}

/** What of the runs so far is told while the others go on. Times are of any steady clock. */
export class LatestRuns {
  readonly #commands = new Map<number, Runs>()

  add ({ command, wallNs, cpuNs, memoryBytes }: Pick<Sample, 'command' | keyof SampleFigures>, atMs: number): void {
    const known = this.#commands.get(command) ?? { wallNs: [], latest: [] }

    known.wallNs.push(wallNs)
    known.latest.push({ figures: { wallNs, cpuNs, ...(memoryBytes == null ? {} : { memoryBytes }) }, atMs })

    if (known.latest.length > MAX_LATEST_RUNS) {
      known.latest.shift()
    }

    this.#commands.set(command, known)
  }

  /** At least the last run; nothing when not all of the `runs` have come, for then it would not be known which ones these are. */
  take (command: number, runs: number, nowMs: number): { medianNs?: number, latest?: SampleFigures[] } {
    const known = this.#commands.get(command)

    if (known == null || known.wallNs.length !== runs) {
      return {}
    }

    const recent = known.latest.filter(({ atMs }, at) => nowMs - atMs <= WINDOW_MS || at === known.latest.length - 1)

    return { ...(runs > MAX_FOR_MEDIAN ? {} : { medianNs: Math.round(median(known.wallNs)) }), latest: recent.map(({ figures }) => figures) }
  }
}
