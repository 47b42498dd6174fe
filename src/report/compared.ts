import { MeshmarkError } from '../model/errors.ts'
import { commandTitle } from '../model/job.ts'
import { shortJobId } from '../model/ids.ts'
import { printable } from '../model/text.ts'
import { median } from '../stats/quantile.ts'
import { paletteFor } from './colour.ts'
import { contendersOf, valuesOf } from './comparison.ts'
import { findings, legend } from './comparison-findings.ts'
import { byWorker, missingText, unitOf, valueText } from './comparison-table.ts'
import { ratioWithInterval, verdictWord } from './comparison-words.ts'
import { resultSetOf } from './result-sets.ts'
import { rowsOf } from './rows.ts'
import { DIFFERENT_SESSIONS, sideBySide, sideRatioText, sideText } from './side-by-side.ts'
import type { Verdict } from '../measure/verdict.ts'
import type { Metric } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { ComparedRow, Contender } from './comparison.ts'

/** A job, or one command of it. */
export interface Named {
  finished: FinishedJob
  /** Index among its commands; absent = all of them, or those that a comparison has. */
  command?: number
}

/** What one of both has on one worker. */
export interface ComparedSide {
  /** As the command line writes it: `41.2 ms ± 0.4`, or why there is nothing. */
  text: string
  command: string
  /** Nanoseconds or bytes; absent when there is nothing to rely on. */
  median?: number
  runs: number
}

export interface ComparedLine {
  /** `these machines` for what all of them say together. */
  worker: string
  isSum: boolean
  base?: ComparedSide
  other?: ComparedSide
  ratio?: number
  /** 95 %; only where runs were taken in pairs. */
  interval?: { low: number, high: number }
  ratioText: string
  verdict?: Verdict
  verdictText?: string
  /** Why there is no ratio. */
  reason?: string
}

/** Two things beside each other, in the words of the command line. */
export interface Compared {
  /** Pairs of runs of one job, which come to a verdict; else commands of one job, or jobs. */
  kind: 'pairs' | 'commands' | 'sessions'
  metric: Metric
  base: { job: string, label: string }
  other: { job: string, label: string }
  /** Differences within this count as none; of pairs. */
  margin?: number
  lines: ComparedLine[]
  /** What it comes to, and what it is worth: a sentence each. */
  remarks: string[]
}

/**
 * Lays the second beside the first. Commands of a job of `compare` come to
 * their verdict; everything else stands side by side without one, as with
 * `compare --results`. Throws `usage` for what cannot be compared.
 *
 * @param metric - absent = that of the comparison, else wall time
 */
export function compare (base: Named, other: Named, metric?: Metric): Compared {
  return base.finished.job.id === other.finished.job.id ? within(base, other, metric) : between(base, other, metric ?? 'wall')
}

function within ({ finished, command: first = 0 }: Named, { command: second = first === 0 ? 1 : 0 }: Named, metric: Metric | undefined): Compared {
  const { job } = finished
  const count = job.commands.length

  if (count < 2) {
    throw new MeshmarkError('usage', `job ${shortJobId(job.id)} has one command: name another job to compare it with`)
  }

  checkCommand(finished, first)
  checkCommand(finished, second)

  if (first === second) {
    throw new MeshmarkError('usage', `both are command ${first} of job ${shortJobId(job.id)}: name two`)
  }

  const contender = first === 0 && (metric == null || metric === job.comparison?.metric) ? contendersOf(rowsOf(finished), finished).find(({ command }) => command === second) : undefined

  if (contender != null) {
    return pairs(finished, contender)
  }

  const names = [first, second].map(command => ({ job: job.id, label: titleOf(finished, command) }))

  return {
    ...sides([{ finished, command: first }, { finished, command: second }], metric ?? job.comparison?.metric ?? 'wall'),
    kind: 'commands',
    base: names[0]!,
    other: names[1]!,
    remarks: ['one session, but not in pairs of runs: no verdict; meshmark compare comes to one']
  }
}

function between (base: Named, other: Named, metric: Metric): Compared {
  for (const { finished, command } of [base, other]) {
    if (command != null) {
      checkCommand(finished, command)
    }
  }

  return {
    ...sides([base, other], metric),
    kind: 'sessions',
    base: { job: base.finished.job.id, label: labelOf(base) },
    other: { job: other.finished.job.id, label: labelOf(other) },
    remarks: [`${DIFFERENT_SESSIONS}, no verdict`]
  }
}

function pairs (finished: FinishedJob, contender: Contender): Compared {
  const comparison = finished.job.comparison!
  const { metric, margin } = comparison
  const { fleet: { these }, machines } = contender
  const unit = unitOf(contender.rows, comparison)
  const sideOf = (row: ComparedRow['row']): ComparedSide => {
    const values = valuesOf(row, comparison)

    return { text: valueText(row, unit, comparison), command: row.title, runs: row.samples.length, ...(values == null || values.length === 0 || row.figures == null ? {} : { median: median(values) }) }
  }
  const own = byWorker([contender]).map((compared): ComparedLine => {
    const { row, reference, result } = compared

    return {
      worker: row.name,
      isSum: false,
      base: sideOf(reference),
      other: sideOf(row),
      ...judged(result?.ratio, result?.verdict, metric),
      ...(result == null ? { reason: missingText(compared) } : result.reason == null ? {} : { reason: result.reason })
    }
  })

  return {
    kind: 'pairs',
    metric,
    margin,
    base: { job: finished.job.id, label: titleOf(finished, 0) },
    other: { job: finished.job.id, label: titleOf(finished, contender.command) },
    lines: [
      ...own,
      ...(these == null || machines.length < 2 ? [] : [{ worker: 'these machines', isSum: true, ...judged(these, these.verdict, metric) }])
    ],
    remarks: [...findings([contender], finished, paletteFor(false)), legend(comparison)]
  }
}

function judged (ratio: { ratio: number, low: number, high: number } | undefined, verdict: Verdict | undefined, metric: Metric): Pick<ComparedLine, 'ratio' | 'interval' | 'ratioText' | 'verdict' | 'verdictText'> {
  return {
    ...(ratio == null ? {} : { ratio: ratio.ratio, interval: { low: ratio.low, high: ratio.high } }),
    ratioText: ratio == null ? '-' : ratioWithInterval(ratio),
    ...(verdict == null ? {} : { verdict, verdictText: verdictWord(verdict, metric) })
  }
}

function sides (named: readonly [Named, Named], metric: Metric): Pick<Compared, 'metric' | 'lines'> {
  const sets = named.map(({ finished, command }) => resultSetOf(finished, '', command))

  return {
    metric,
    lines: sideBySide(sets, metric).map(({ worker, sides: [first, second] }): ComparedLine => ({
      worker: worker ?? '-',
      isSum: false,
      ...(first == null ? {} : { base: sideOf(first, metric) }),
      ...(second == null ? {} : { other: sideOf(second, metric) }),
      ...(second?.ratio == null ? {} : { ratio: second.ratio }),
      ratioText: sideRatioText(second, first)
    }))
  }
}

function sideOf (side: NonNullable<ReturnType<typeof sideBySide>[number]['sides'][number]>, metric: Metric): ComparedSide {
  return { text: sideText(side, metric), command: printable(side.command, 500), runs: side.runs, ...(side.median == null ? {} : { median: side.median }) }
}

function checkCommand ({ job }: FinishedJob, command: number): void {
  if (command >= job.commands.length) {
    throw new MeshmarkError('usage', `job ${shortJobId(job.id)} has no command ${command}: its ${job.commands.length} commands count from 0`)
  }
}

function labelOf ({ finished, command }: Named): string {
  const { id, name } = finished.job

  return `${shortJobId(id)}${name == null ? '' : ` (${printable(name)})`}${command == null ? '' : `: ${titleOf(finished, command)}`}`
}

function titleOf ({ job }: FinishedJob, command: number): string {
  return printable(commandTitle(job.commands[command] ?? { argv: [] }), 500)
}
