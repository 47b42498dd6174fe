import { compareMachine } from '../measure/comparison.ts'
import { compareFleet } from '../measure/fleet-comparison.ts'
import { metricOf } from '../model/comparison.ts'
import type { MachineComparison } from '../measure/comparison.ts'
import type { FleetComparison } from '../measure/fleet-comparison.ts'
import type { Comparison } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Sample } from '../model/sample.ts'
import type { Row } from './rows.ts'

/** A contender beside the reference on one worker. */
export interface ComparedRow {
  row: Row
  reference: Row
  /** Absent when one of the two has no figures. */
  result?: MachineComparison
  /** Both have figures, each printed the same in all its runs, and they did not print the same as each other. */
  outputsDiffer: boolean
}

/** A contender beside the reference on one machine, from the runs of all its workers. */
export interface ComparedMachine {
  /** Tells machines apart. */
  id: string
  /** Names of the workers. */
  name: string
  rows: ComparedRow[]
  result: MachineComparison
}

/** One command of a job against the first one. */
export interface Contender {
  command: number
  title: string
  /** One for each targeted worker. */
  rows: ComparedRow[]
  machines: ComparedMachine[]
  fleet: FleetComparison
  /** Those of `machines` that disagree with most of the others. */
  disagree: ComparedMachine[]
}

/** Every contender of a comparison; none when the job is no comparison. The rows keep their order. */
export function contendersOf (rows: readonly Row[], { job: { commands, comparison } }: Pick<FinishedJob, 'job'>): Contender[] {
  if (comparison == null) {
    return []
  }

  return commands.slice(1).map((_, index) => {
    const command = index + 1
    const compared = rows.filter(row => row.command === command).flatMap(row => {
      const reference = rows.find(other => other.command === 0 && other.worker === row.worker)

      return reference == null ? [] : [compareRow(row, reference, comparison)]
    })
    const machines = machinesOf(compared, comparison)
    const fleet = compareFleet(machines.map(({ id, result }) => ({ name: id, comparison: result })), comparison)

    return {
      command,
      title: compared[0]?.row.title ?? '',
      rows: compared,
      machines,
      fleet,
      disagree: machines.filter(({ id }) => fleet.disagree.includes(id))
    }
  })
}

function compareRow (row: Row, reference: Row, comparison: Comparison): ComparedRow {
  const outputs = [reference, row].map(({ result }) => result?.output)
  const measured = row.figures != null && reference.figures != null

  return {
    row,
    reference,
    ...(measured ? { result: compareMachine(reference.samples, row.samples, comparison) } : {}),
    outputsDiffer: measured && outputs.every(output => output?.same === true) && outputs[0]?.stdoutDigest !== outputs[1]?.stdoutDigest
  }
}

/**
 * Workers of one machine are no two machines: what they say together counts
 * once. Every pair of runs stays within its worker.
 */
function machinesOf (rows: readonly ComparedRow[], comparison: Comparison): ComparedMachine[] {
  const machines = new Map<string, ComparedRow[]>()

  for (const compared of rows.filter(({ result }) => result != null)) {
    const { info, task } = compared.row.worker
    const id = info.resources.machineId === '' ? `task ${task}` : info.resources.machineId

    machines.set(id, [...machines.get(id) ?? [], compared])
  }

  return [...machines].map(([id, own]) => ({
    id,
    name: own.map(({ row }) => row.name).join(' + '),
    rows: own,
    result: own.length === 1 && own[0]?.result != null ? own[0].result : compareMachine(...pooled(own), comparison)
  }))
}

/** An even number of pairs of each worker, for neighbouring pairs have opposite orders. */
function pooled (rows: readonly ComparedRow[]): [reference: Sample[], contender: Sample[]] {
  const pairs = rows.map(({ row, reference }) => {
    const length = Math.min(row.samples.length, reference.samples.length)

    return { row, reference, length: length - length % 2 }
  })

  return [
    pairs.flatMap(({ reference, length }) => reference.samples.slice(0, length)),
    pairs.flatMap(({ row, length }) => row.samples.slice(0, length))
  ]
}

/** The values that are compared; undefined when one of the runs was not billed for it. */
export function valuesOf ({ samples }: Row, { metric }: Pick<Comparison, 'metric'>): number[] | undefined {
  const values = samples.flatMap(sample => metricOf(sample, metric) ?? [])

  return values.length < samples.length ? undefined : values
}
