import { listText, METRIC_WORDS, percentText, rangeText, ratioWithInterval, verdictStyle, verdictWord } from './comparison-words.ts'
import { everyone } from './output-facts.ts'
import { regressionsOf } from './regressions.ts'
import { undecidedLines } from './undecided.ts'
import type { Comparison } from '../model/comparison.ts'
import type { FinishedJob } from '../model/finished.ts'
import type { Palette } from './colour.ts'
import type { ComparedMachine, ComparedRow, Contender } from './comparison.ts'

/** What a comparison comes to, below its table: over all machines, then what needs a look. */
export function findings (contenders: readonly Contender[], { job }: FinishedJob, palette: Palette): string[] {
  const { comparison, plan } = job

  if (comparison == null) {
    return []
  }

  return [
    ...contenders.flatMap(contender => {
      const label = contenders.length === 1 ? '' : `${contender.title}: `

      return [
        ...fleetLines(contender, comparison, palette),
        ...disagreement(contender),
        ...undecidedLines(contender.rows, comparison.margin, plan),
        ...outputs(contender.rows).map(palette.doubtful)
      ].map(line => label + line)
    }),
    ...verdictOnRegressions(contenders, comparison, palette)
  ]
}

function fleetLines ({ fleet: { these, like }, machines }: Contender, { metric }: Comparison, palette: Palette): string[] {
  const compared = machines.filter(({ result }) => result.ratio != null)
  const judged = (verdict: NonNullable<typeof these>['verdict']): string => (verdictStyle(verdict, palette) ?? (text => text))(verdictWord(verdict, metric))

  // A single worker's row says the same.
  const own = these == null || (compared.length === 1 && compared[0]?.rows.length === 1)
    ? []
    : [`${compared.length === 1 ? `this machine, ${compared[0]?.rows.length} workers together` : `these ${compared.length} machines`}: ${judged(these.verdict)}, ${ratioWithInterval(these)}`]
  const others = like == null
    ? []
    : [`machines like these: ${judged(like.verdict)}, ${ratioWithInterval(like)}; on one more of them ${rangeText(like.predictedLow, like.predictedHigh)} is expected`]

  return [...own, ...others]
}

function disagreement ({ disagree, machines }: Contender): string[] {
  const all = disagree.length === machines.filter(({ result }) => result.ratio != null).length

  return disagree.length === 0 ? [] : [`${all ? 'the machines disagree' : 'unlike most of the others'}: ${listText(disagree.map(nameWithRatio))}`]
}

function nameWithRatio ({ name, result }: ComparedMachine): string {
  return result.ratio == null ? name : `${name} (${ratioWithInterval(result.ratio)})`
}

function outputs (rows: readonly ComparedRow[]): string[] {
  const differing = rows.filter(({ outputsDiffer }) => outputsDiffer)
  const everywhere = differing.length === rows.length ? (rows.length === 1 ? '' : ` on ${everyone(rows.length)} workers`) : ` on ${listText(differing.map(({ row }) => row.name))}`

  return differing.length === 0 ? [] : [`the outputs differ${everywhere}: ${differing[0]?.row.title} prints something else than ${differing[0]?.reference.title}`]
}

function verdictOnRegressions (contenders: readonly Contender[], comparison: Comparison, palette: Palette): string[] {
  const { failIfSlower, metric } = comparison
  const word = verdictWord('slower', metric)
  const more = failIfSlower == null || failIfSlower === 0 ? '' : ` by more than ${percentText(failIfSlower)}`
  const found = regressionsOf(contenders, comparison)
  const named = found.map(({ contender, machine }) => contenders.length === 1 ? nameWithRatio(machine) : `${contender.title} on ${nameWithRatio(machine)}`)

  if (failIfSlower == null || contenders.every(({ machines }) => machines.length === 0)) {
    return []
  }

  return [found.length === 0 ? `no regression: nothing is ${word}${more} for certain` : palette.failed(`regression: ${word}${more}${contenders.length === 1 ? ' on' : ':'} ${listText(named)}`)]
}

/** What the ratios are of, and what margin the verdicts know. */
export function legend ({ metric, margin }: Comparison): string {
  return `ratio: of ${METRIC_WORDS[metric]}, to that of the first command in the same pair; equivalent within ± ${percentText(margin)}`
}
