import { commandTitle } from '../model/job.ts'
import { contendersOf } from './comparison.ts'
import { regressionsOf } from './regressions.ts'
import { rowsOf } from './rows.ts'
import type { Metric } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Verdict } from '../measure/verdict.ts'
import type { ComparedRow, Contender } from './comparison.ts'

/** One command against the first one of its job. Ratios are of the contender's value to the reference's. */
export interface ComparisonRecord {
  reference: string
  contender: string
  metric: Metric
  /** As a fraction. */
  margin: number
  /** One for each worker on which both could be measured. */
  workers: ComparedRecord[]
  /** The mean of these machines; absent when none has a ratio. */
  these_machines?: RatioRecord & { machines: number, verdict: Verdict }
  /** From five machines on. */
  machines_like_these?: RatioRecord & {
    verdict: Verdict
    /** Where the ratio of one more machine is expected. */
    prediction_interval: [number, number]
    /** Standard deviation between machines, of logarithms of ratios. */
    between_machines: number
  }
  /** Workers of machines that differ from most of the others. */
  unlike_the_others: string[]
  fail_if_slower?: number
  /** Workers of machines where it is slower by more than `fail_if_slower`, corrected for the number of comparisons. */
  regressions?: string[]
}

export interface RatioRecord {
  ratio: number
  /** 95 % */
  interval: [number, number]
}

export interface ComparedRecord extends Partial<RatioRecord> {
  worker: string
  peer_id: string
  pairs: number
  /** Share of pairs in which the contender was faster, or smaller; ties half. */
  contender_faster?: number
  verdict: Verdict
  /** Why there is no ratio. */
  reason?: string
  /** One-sided, of being slower by more than `fail_if_slower`; not corrected. */
  p_value?: number
  /** Both printed the same to stdout; absent when one of them did not do so in every run. */
  outputs_same?: boolean
}

/** One for each contender; none when the job is no comparison. */
export function comparisonRecords (finished: FinishedJob): ComparisonRecord[] {
  const { comparison, commands } = finished.job
  const contenders = contendersOf(rowsOf(finished), finished)
  const regressions = comparison == null ? [] : regressionsOf(contenders, comparison)
  const title = (index: number): string => commands[index] == null ? '' : commandTitle(commands[index])

  return comparison == null
    ? []
    : contenders.map(contender => ({
      reference: title(0),
      contender: title(contender.command),
      metric: comparison.metric,
      margin: comparison.margin,
      workers: contender.rows.flatMap(compared => comparedRecord(compared) ?? []),
      ...fleetRecords(contender),
      unlike_the_others: namesOf(contender.disagree),
      ...(comparison.failIfSlower == null
        ? {}
        : { fail_if_slower: comparison.failIfSlower, regressions: namesOf(regressions.filter(found => found.contender === contender).map(({ machine }) => machine)) })
    }))
}

/** Further columns for the table of all results: one list of fields for each row that has figures, in their order. */
export function comparisonFields (finished: FinishedJob): { titles: string[], fields: Array<Array<number | string>> } {
  const rows = rowsOf(finished)
  const compared = contendersOf(rows, finished).flatMap(contender => contender.rows)

  return {
    titles: finished.job.comparison == null ? [] : ['pairs', 'ratio', 'ratio_low', 'ratio_high', 'contender_faster', 'verdict'],
    fields: finished.job.comparison == null
      ? []
      : rows.filter(({ figures }) => figures != null).map(row => {
        const found = compared.find(candidate => candidate.row === row)
        const record = found == null ? undefined : comparedRecord(found)

        return [record?.pairs, record?.ratio, record?.interval?.[0], record?.interval?.[1], record?.contender_faster, record?.verdict].map(value => value ?? '')
      })
  }
}

function fleetRecords ({ fleet: { these, like }, machines }: Contender): Pick<ComparisonRecord, 'these_machines' | 'machines_like_these'> {
  return {
    ...(these == null
      ? {}
      : { these_machines: { ...ratioRecord(these), machines: machines.filter(({ result }) => result.ratio != null).length, verdict: these.verdict } }),
    ...(like == null
      ? {}
      : { machines_like_these: { ...ratioRecord(like), verdict: like.verdict, prediction_interval: [like.predictedLow, like.predictedHigh] as [number, number], between_machines: like.tau } })
  }
}

function namesOf (machines: Contender['machines']): string[] {
  return machines.flatMap(({ rows }) => rows.map(({ row }) => row.worker.info.name))
}

function comparedRecord (compared: ComparedRow): ComparedRecord | undefined {
  const { row: { worker: { info }, samples, result: own }, reference, result, outputsDiffer } = compared
  const steady = own?.output?.same === true && reference.result?.output?.same === true

  return result == null
    ? undefined
    : {
        worker: info.name,
        peer_id: info.peerId,
        pairs: Math.min(samples.length, reference.samples.length),
        ...(result.ratio == null ? {} : { ...ratioRecord(result.ratio), contender_faster: result.ratio.smaller }),
        verdict: result.verdict,
        ...(result.reason == null ? {} : { reason: result.reason }),
        ...(result.pValue == null ? {} : { p_value: result.pValue }),
        ...(steady ? { outputs_same: !outputsDiffer } : {})
      }
}

function ratioRecord ({ ratio, low, high }: { ratio: number, low: number, high: number }): RatioRecord {
  return { ratio, interval: [low, high] }
}
