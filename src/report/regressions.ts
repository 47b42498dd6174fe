import { holm } from '../stats/holm.ts'
import type { Comparison } from '../model/comparison.ts'
import type { ComparedMachine, Contender } from './comparison.ts'

export interface Regression {
  contender: Contender
  machine: ComparedMachine
}

/** The chance of even one false alarm among all machines and contenders; one-sided, as the lower end of a 95 % interval. */
const LEVEL = 0.025

/** Where the evidence says slower by more than `failIfSlower`, corrected for the number of machines and contenders. */
export function regressionsOf (contenders: readonly Contender[], { failIfSlower }: Comparison): Regression[] {
  if (failIfSlower == null) {
    return []
  }

  const all = contenders.flatMap(contender => contender.machines.map(machine => ({ contender, machine })))
  const adjusted = holm(all.map(({ machine }) => machine.result.pValue ?? 1))

  return all.filter((_, index) => (adjusted[index] ?? 1) < LEVEL)
}
