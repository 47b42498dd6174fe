import { METRIC_WORDS, percentText, ratioWithInterval, verdictWord } from '../comparison-words.ts'
import { byWorker, missingText } from '../comparison-table.ts'
import { ratioTicks } from '../plot/scales.ts'
import { COLOURS, axis, bar, gridLines, percentOf, placeOf } from './strips.ts'
import { html, type Html } from './markup.ts'
import type { Verdict } from '../../measure/verdict.ts'
import type { Comparison } from '../../model/comparison.ts'
import type { Contender } from '../comparison.ts'
import type { NumberOf } from './results-table.ts'
import type { Scale } from './strips.ts'

interface Line {
  name: string
  sub?: string
  worker?: number
  command: number
  ratio?: { ratio: number, low: number, high: number }
  verdict?: Verdict
  words: string
  small: string
  isSum: boolean
}

/** Rows of a picture; more are in the table. */
const MAX_LINES = 60

/** The ratio on each worker with its interval, and what they come to; 1 is the reference. */
export function ratioChart (contenders: readonly Contender[], comparison: Comparison, numberOf: NumberOf): Html {
  const { margin, metric } = comparison
  const all = linesOf(contenders, comparison, numberOf)
  const lines = [...all.filter(({ isSum }) => !isSum).slice(0, MAX_LINES), ...all.filter(({ isSum }) => isSum)]
  const bounds = lines.flatMap(({ ratio }) => ratio == null ? [] : [ratio.low, ratio.ratio, ratio.high]).filter(value => Number.isFinite(value) && value > 0)
  const low = Math.min(1 / (1 + 2 * margin), ...bounds)
  const high = Math.max(1 + 2 * margin, ...bounds)
  const edge = (high / low) ** 0.05
  const scale: Scale = { low: low / edge, high: high * edge, isLog: true, unit: '', ticks: spaced(ratioTicks(low / edge, high * edge)).map(at => ({ at, text: String(at) })) }
  const left = all.length - lines.length

  return html`<div class="chart ratios" role="group">
${lines.map((line, at) => rowOf(line, scale, margin, lines[at - 1]?.name === line.name))}
${axis(scale, `ratio of ${METRIC_WORDS[metric]} · left of 1 ${verdictWord('faster', metric)}, right of it ${verdictWord('slower', metric)}`)}</div>
${left <= 0 ? '' : html`<p class="dim">${left} more rows are in the table below.</p>`}`
}

/** A name below a bar is narrow: no more numbers than a phone has room for. */
function spaced (ticks: number[]): number[] {
  const every = Math.ceil(ticks.length / 7)
  const one = ticks.indexOf(1)

  return ticks.filter((_, at) => (at - Math.max(0, one)) % every === 0)
}

function linesOf (contenders: readonly Contender[], { metric }: Comparison, numberOf: NumberOf): Line[] {
  const several = contenders.length > 1
  const own = byWorker(contenders).map((compared): Line => {
    const { row, result } = compared

    return {
      name: row.name,
      ...several ? { sub: row.title } : {},
      worker: numberOf(row.worker),
      command: row.command,
      ...result?.ratio == null ? {} : { ratio: result.ratio },
      ...result == null ? {} : { verdict: result.verdict },
      words: result?.ratio == null ? result?.reason ?? missingText(compared) : ratioWithInterval(result.ratio),
      small: result?.ratio == null ? '' : verdictWord(result.verdict, metric),
      isSum: false
    }
  })
  const sums = contenders.flatMap(({ title, command, machines, fleet: { these, like } }): Line[] => [
    ...these == null || machines.length < 2 ? [] : [{ name: 'these machines', ...several ? { sub: title } : {}, command, ratio: these, verdict: these.verdict, words: ratioWithInterval(these), small: verdictWord(these.verdict, metric), isSum: true }],
    ...like == null ? [] : [{ name: 'machines like these', ...several ? { sub: title } : {}, command, ratio: like, verdict: like.verdict, words: ratioWithInterval(like), small: verdictWord(like.verdict, metric), isSum: true }]
  ])

  return [...own, ...sums]
}

/** Drawn around the middle, in pixels. */
const MARKS: Record<Verdict, string> = { faster: 'M-7 0L5-6.5V6.5z', slower: 'M7 0L-5-6.5V6.5z', equivalent: 'M-5-5H5V5H-5z', undecided: 'M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z' }

function rowOf ({ name, sub, worker, command, ratio, verdict, words, small, isSum }: Line, scale: Scale, margin: number, isSameName: boolean): Html {
  const band = bar('band', placeOf(1 / (1 + margin), scale), placeOf(1 + margin, scale), '0%', '100%')
  const one = percentOf(placeOf(1, scale))
  const line = ratio == null || verdict == null
    ? ''
    : html`<line class="interval" x1="${percentOf(placeOf(ratio.low, scale))}" x2="${percentOf(placeOf(ratio.high, scale))}" y1="50%" y2="50%"/><svg x="${percentOf(placeOf(ratio.ratio, scale))}" y="50%" overflow="visible" width="1" height="1"><path class="mark" d="${MARKS[verdict]}"/></svg>`

  return html`<div class="strip ${isSum ? 'sum ' : ''}v-${verdict ?? 'none'}"${worker == null ? '' : html` data-w="${worker}"`} data-c="${command}"><div class="who"><b${isSameName ? html` class="again"` : ''}>${name}</b>${sub == null ? '' : html`<span class="sub"><i class="swatch c${command % COLOURS}"></i>${sub}</span>`}</div>
<svg class="plot" role="img" aria-label="${`${name}${sub == null ? '' : `, ${sub}`}: ${words} ${small}`}">${band}${gridLines(scale)}<line class="one" x1="${one}" x2="${one}" y2="100%"/>${line}</svg>
<div class="figure">${words}${small === '' ? '' : html`<span class="sub verdict-word">${small}</span>`}</div></div>
`
}

/** What the picture means, for whoever sees one for the first time. */
export function ratioCaption (contenders: readonly Contender[], { margin, metric }: Comparison, reference: string): string {
  const [contender, other] = contenders.map(({ title }) => title)

  return `Each mark is the ratio of ${METRIC_WORDS[metric]}, ${other == null ? contender ?? '' : 'the contender'} to ${reference}, with its 95 % interval. The band around 1 is the margin of ± ${percentText(margin)}: an interval wholly inside it is equivalent; any other one is a difference if it does not hold 1, and undecided if it does.`
}
