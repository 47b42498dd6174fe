import { formatBytes } from '../model/units.ts'
import { medianIntervalOfSeries } from '../stats/autocorrelation.ts'
import { median } from '../stats/quantile.ts'
import { ratioOfMedians } from '../stats/ratio.ts'
import { mannWhitney } from '../stats/mann-whitney.ts'
import { medianText, ratioText, unitFor } from './quantities.ts'
import type { Metric } from '../model/comparison.ts'
import type { MedianInterval } from '../stats/median-interval.ts'
import type { MeasuredCommand, ResultSet } from './result-sets.ts'

/** What stands beside every ratio of results that were not measured together. */
export const DIFFERENT_SESSIONS = 'different sessions'

/** What one set has of a line. */
export interface Side {
  command: string
  worker?: string
  /** Nanoseconds or bytes; absent when there is nothing to rely on. */
  median?: number
  interval?: MedianInterval
  runs: number
  /** Why there is no median. */
  problem?: string
  /** The set's median by the first set's: it describes, and nothing follows from it. */
  ratio?: number
  /** Share of all pairs of runs in which the one of this set was smaller than the one of the first. */
  smaller?: number
}

/** One command on one worker, as each set has it. */
export interface SideBySideRow {
  /** Absent where no set knows it. */
  worker?: string
  /** The first set's, or that of the first set that has it. */
  command: string
  /** In the order of the sets; undefined where one has nothing like it. */
  sides: Array<Side | undefined>
}

/**
 * Lays the results of several sessions beside each other: those of the same
 * worker (by peer id, else by name) and the same command line, else at the same
 * place among the commands of their worker. No line of any set is left out.
 */
export function sideBySide (sets: readonly ResultSet[], metric: Metric): SideBySideRow[] {
  const [first, ...others] = sets

  if (first == null) {
    return []
  }

  const lines: Array<Array<MeasuredCommand | undefined>> = first.commands.map(command => [command])

  others.forEach((set, index) => {
    const at = index + 1
    const partners = partnersOf(lines.map(line => line.find(command => command != null) as MeasuredCommand), set.commands)

    set.commands.forEach((command, k) => {
      const line = lines[partners[k] ?? -1]

      if (line == null) {
        const own: Array<MeasuredCommand | undefined> = []

        own[at] = command
        lines.push(own)
      } else {
        line[at] = command
      }
    })
  })

  return lines.map(line => row(sets.map((_, index) => line[index]), metric))
}

/** For each command the index of the line that it belongs to. */
function partnersOf (lines: readonly MeasuredCommand[], commands: readonly MeasuredCommand[]): Array<number | undefined> {
  const sameWorker = workerMatch(lines, commands)
  const taken = new Set<number>()
  const partners: Array<number | undefined> = commands.map(() => undefined)

  // Results of many workers are many: only lines with the same key are looked at.
  const pair = (lineKeys: readonly unknown[], commandKeys: readonly unknown[]): void => {
    const candidates = new Map<unknown, number[]>()

    lineKeys.forEach((key, index) => {
      const known = candidates.get(key)

      if (known == null) {
        candidates.set(key, [index])
      } else {
        known.push(index)
      }
    })

    commands.forEach((command, k) => {
      const found = partners[k] != null ? undefined : candidates.get(commandKeys[k])?.find(index => !taken.has(index) && sameWorker(lines[index] as MeasuredCommand, command))

      if (found != null) {
        taken.add(found)
        partners[k] = found
      }
    })
  }

  pair(lines.map(({ command }) => command), commands.map(({ command }) => command))
  pair(placesOf(lines), placesOf(commands))

  return partners
}

/** Which command of its worker each is. */
function placesOf (commands: readonly MeasuredCommand[]): number[] {
  const counts = new Map<string, number>()

  return commands.map(command => {
    const key = workerKey(command)
    const place = counts.get(key) ?? 0

    counts.set(key, place + 1)
    return place
  })
}

/** Where one side does not know its worker and the other has one only, they are laid side by side all the same. */
function workerMatch (lines: readonly MeasuredCommand[], commands: readonly MeasuredCommand[]): (a: MeasuredCommand, b: MeasuredCommand) => boolean {
  const single = [lines, commands].every(list => new Set(list.map(workerKey)).size === 1)

  return ({ worker: a }, { worker: b }) => {
    if (a == null || b == null) {
      return a === b || single
    }

    return a.peerId != null && b.peerId != null && a.peerId === b.peerId ? true : a.name === b.name
  }
}

function workerKey ({ worker }: MeasuredCommand): string {
  return worker == null ? '' : worker.peerId ?? worker.name
}

function row (commands: ReadonlyArray<MeasuredCommand | undefined>, metric: Metric): SideBySideRow {
  const known = commands.filter(command => command != null)
  const reference = commands[0]?.values[metric]
  const worker = known.find(command => command.worker != null)?.worker?.name

  return {
    ...(worker == null ? {} : { worker }),
    command: known[0]?.command ?? '',
    sides: commands.map((command, index) => command == null ? undefined : side(command, metric, index === 0 ? undefined : reference))
  }
}

function side ({ command, worker, values, problem }: MeasuredCommand, metric: Metric, reference: readonly number[] | undefined): Side {
  const own = values[metric]
  const who = { command, ...(worker == null ? {} : { worker: worker.name }) }

  if (own == null) {
    return { ...who, runs: 0, problem: problem ?? 'not measured' }
  }

  const interval = medianIntervalOfSeries(own)
  const middle = median(own)
  const other = reference == null ? undefined : median(reference)

  return {
    ...who,
    median: middle,
    ...(interval == null ? {} : { interval }),
    runs: own.length,
    ...(reference == null || other == null || !(other > 0) ? {} : { ratio: middle / other, smaller: mannWhitney(reference, own)?.smaller })
  }
}

/** `41.2 ms ± 0.4`, `2.1 MB`, or why there is none. */
export function sideText (side: Side | undefined, metric: Metric): string {
  if (side?.median == null) {
    return side?.problem ?? '-'
  }

  return metric === 'memory'
    ? formatBytes(side.median)
    : medianText({ median: side.median, interval: side.interval, min: side.median, cpu: side.median }, unitFor(side.median))
}

/** With as many digits as the intervals of both medians allow, and without an interval of its own: none would hold between sessions. */
export function sideRatioText (side: Side | undefined, reference: Side | undefined): string {
  if (side?.ratio == null) {
    return '-'
  }

  const interval = side.interval == null || reference?.interval == null ? undefined : ratioOfMedians(side.interval, reference.interval)

  return ratioText(side.ratio, interval).split(' ')[0] ?? '-'
}
