import { printable } from '../model/text.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Row } from './rows.ts'

/** Footnotes: the same text has the same number wherever it is used. */
export class Notes {
  private readonly numbers = new Map<string, number>()

  /** ` (1)` or ` (1) (2)`, to be put behind what it is about; empty for no text. */
  mark (...texts: string[]): string {
    return texts.map(text => {
      const number = this.numbers.get(text) ?? this.numbers.size + 1

      this.numbers.set(text, number)
      return ` (${number})`
    }).join('')
  }

  lines (): string[] {
    return [...this.numbers].map(([text, number]) => `(${number}) ${text}`)
  }
}

/** About the worker as a whole: how it started and what its sandbox lacks. */
export function workerNotes ({ worker }: Row): string[] {
  const { result, simultaneous, info } = worker
  const late = simultaneous === false || result?.start?.simultaneous === false
  const caveats = (result?.sandbox ?? info.sandbox)?.caveats ?? []

  return [
    ...(late ? ['not simultaneous: it was busy when the others started'] : []),
    ...(caveats.length === 0 ? [] : [`sandbox: ${caveats.map(caveat => printable(caveat, 120)).join('; ')}`])
  ]
}

/** About the median: a precision that was asked for and not had. */
export function precisionNotes ({ result }: Row, { job }: FinishedJob): string[] {
  return result?.reached == null || job.plan.kind !== 'precision'
    ? []
    : [`not as precise as asked for: ± ${percent(result.reached)} of the median instead of ± ${percent(job.plan.precision)}; a larger budget helps`]
}

export function cpuNotes ({ result, samples }: Row): string[] {
  const leftovers = samples.filter(sample => sample.leftovers > 0).length

  return [
    ...(result?.cpuMethod === 'rusage' ? ['CPU time of the processes that were waited for only'] : []),
    ...(leftovers === 0 ? [] : [`left processes running after ${leftovers} of ${samples.length} runs; they were ended`])
  ]
}

export function memoryNotes ({ result }: Row): string[] {
  return result?.memoryMethod === 'adopted-maxrss' ? ['memory of the largest process, not of all together'] : []
}

export function noiseNotes ({ worker }: Row): string[] {
  return (worker.result?.noise?.reasons ?? []).slice(0, 8).map(reason => printable(reason))
}

function percent (fraction: number): string {
  return `${Number((fraction * 100).toPrecision(2))} %`
}
