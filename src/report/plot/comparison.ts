import { byWorker } from '../comparison-table.ts'
import { METRIC_WORDS, percentText, ratioWithInterval, verdictWord } from '../comparison-words.ts'
import { contendersOf } from '../comparison.ts'
import { problemText, rowsOf } from '../rows.ts'
import { MeshmarkError } from '../../model/errors.ts'
import { counted } from '../../model/text.ts'
import { frame, labelRoom, legendBelow, legendHeight, rows, rowsHeight, stripes } from './frame.ts'
import { cut, paletteOf, shorten, SIZES } from './look.ts'
import { ratioTicks } from './scales.ts'
import type { Metric } from '../../model/comparison.ts'
import type { FinishedJob } from '../../model/finished.ts'
import type { Verdict } from '../../measure/verdict.ts'
import type { Contender } from '../comparison.ts'
import type { Look, Palette, Spec } from './look.ts'

const VERDICTS: readonly Verdict[] = ['faster', 'slower', 'equivalent', 'undecided']

/** A ratio with its interval and verdict. */
export interface ComparisonLine {
  name: string
  /** Of several contenders, whose it is. */
  contender: string
  ratio?: number
  low?: number
  high?: number
  verdict?: Verdict
  words: string
  /** A statement about all machines. */
  isSum: boolean
}

/** What the chart of a comparison is made of. */
export interface ComparisonPicture {
  metric: Metric
  margin: number
  reference: string
  contenders: readonly string[]
  workers: number
  lines: readonly ComparisonLine[]
}

/** The ratio on each worker with its interval, and what they come to; 1 is the reference. */
export function comparisonChart (finished: FinishedJob, title: string, look: Look): Spec {
  return comparisonPictureChart(comparisonPicture(finished), title, look)
}

function comparisonPicture (finished: FinishedJob): ComparisonPicture {
  const { comparison } = finished.job
  const contenders = contendersOf(rowsOf(finished), finished)

  if (comparison == null || contenders.length === 0) {
    throw new MeshmarkError('usage', 'this job compared nothing: --kind comparison is for jobs of meshmark compare, or choose --kind distribution')
  }

  const { margin, metric } = comparison

  return {
    metric,
    margin,
    reference: rowsOf(finished)[0]?.title ?? 'the reference',
    contenders: contenders.map(({ title }) => title),
    workers: finished.workers.length,
    lines: linesOf(contenders, metric)
  }
}

export function comparisonPictureChart ({ metric, margin, reference, contenders, workers, lines }: ComparisonPicture, title: string, look: Look): Spec {
  const palette = paletteOf(look)
  const bounds = lines.flatMap(({ ratio, low, high }) => ratio == null ? [] : [low ?? ratio, high ?? ratio]).filter(value => Number.isFinite(value) && value > 0)
  const low = Math.min(1 - 2 * margin, ...bounds) / 1.02
  const high = Math.max(1 + 2 * margin, ...bounds) * 1.02
  const clamp = (value: number): number => Math.min(high, Math.max(low, value))
  const there = VERDICTS.filter(verdict => lines.some(line => line.verdict === verdict))
  const several = contenders.length > 1
  const legend = there.map(verdict => verdictWord(verdict, metric))
  const { scale, axes, signals } = rows(look, lines.map(({ name, contender, isSum }) =>
    shorten(several ? `${name} · ${contender}` : name, labelRoom(look), look.measure, SIZES.label, isSum)), {
    title: 'ratio ± 95 %, verdict',
    words: lines.map(({ words }) => cut(words, Math.min(250, look.width * 0.32), look.measure, SIZES.label))
  })
  const stripe = stripes(look, lines.map(({ name }) => name))
  const isNew = several ? 'the contender' : contenders[0] ?? 'the contender'

  return frame(look, {
    title,
    subtitle: `${counted(workers, 'worker')}. Each mark is the ratio of ${METRIC_WORDS[metric]}, ${cutWords(isNew)} to ${cutWords(reference)}, with its 95 % interval: left of 1 the ${several ? 'contender' : 'new one'} is ${verdictWord('faster', metric)}. The band is the margin of ±${percentText(margin)}; an interval inside it is equivalent, any other one is a difference when it does not hold 1.`,
    contentHeight: rowsHeight(lines.length) + 70 + legendHeight(look, legend)
  }, {
    signals: [...signals, { name: 'legendLabels', value: Object.fromEntries(there.map(verdict => [verdict, verdictWord(verdict, metric)])) }],
    data: [
      stripe.data,
      { name: 'margin', values: [{ low: clamp(1 - margin), high: clamp(1 + margin) }] },
      { name: 'lines', values: lines.flatMap((line, row) => line.ratio == null ? [] : [{ row, x: clamp(line.ratio), low: clamp(line.low ?? line.ratio), high: clamp(line.high ?? line.ratio), verdict: line.verdict, sum: line.isSum }]) }
    ],
    scales: [
      scale,
      { name: 'x', type: 'log', domain: [low, high], range: 'width', nice: false, zero: false },
      { name: 'color', type: 'ordinal', domain: there, range: there.map(verdict => verdictColor(verdict, palette)) },
      { name: 'shape', type: 'ordinal', domain: there, range: there.map(verdict => ({ faster: 'triangle-left', slower: 'triangle-right', equivalent: 'square', undecided: 'circle' })[verdict]) }
    ],
    axes: [{ scale: 'x', orient: 'bottom', title: `ratio of ${METRIC_WORDS[metric]}`, format: '~f', grid: true, values: ratioTicks(low, high) }, ...axes],
    legends: legendBelow(look, legend, { fill: 'color', shape: 'shape', encode: { labels: { update: { text: { signal: 'legendLabels[datum.value]' } } } } }),
    marks: [
      stripe.mark,
      { type: 'rect', from: { data: 'margin' }, encode: { enter: { x: { scale: 'x', field: 'low' }, x2: { scale: 'x', field: 'high' }, y: { value: 0 }, y2: { signal: 'height' }, fill: { value: palette.neutral }, fillOpacity: { value: 0.18 } } } },
      { type: 'rule', encode: { enter: { x: { scale: 'x', value: 1 }, y: { value: 0 }, y2: { signal: 'height' }, stroke: { value: palette.text }, strokeWidth: { value: 1 } } } },
      { type: 'rule', from: { data: 'lines' }, encode: { enter: { x: { scale: 'x', field: 'low' }, x2: { scale: 'x', field: 'high' }, y: middle(), stroke: { scale: 'color', field: 'verdict' }, strokeWidth: { signal: 'datum.sum ? 4 : 2' } } } },
      { type: 'symbol', from: { data: 'lines' }, encode: { enter: { x: { scale: 'x', field: 'x' }, y: middle(), size: { signal: 'datum.sum ? 170 : 90' }, shape: { scale: 'shape', field: 'verdict' }, fill: { scale: 'color', field: 'verdict' }, stroke: { value: palette.background }, strokeWidth: { value: 1 } } } }
    ]
  })
}

function linesOf (contenders: readonly Contender[], metric: Metric): ComparisonLine[] {
  const titles = new Map(contenders.map(({ command, title }) => [command, title]))
  const own = byWorker(contenders).map(({ row, result }): ComparisonLine => ({
    name: row.worker.info.name,
    contender: titles.get(row.command) ?? '',
    ...result?.ratio == null ? {} : { ratio: result.ratio.ratio, low: result.ratio.low, high: result.ratio.high },
    ...result == null ? {} : { verdict: result.verdict },
    words: result?.ratio == null ? result?.reason ?? (row.problem == null ? 'no ratio' : problemText(row.problem)) : `${ratioWithInterval(result.ratio)}, ${verdictWord(result.verdict, metric)}`,
    isSum: false
  }))
  const sums = contenders.flatMap(({ title, fleet: { these }, machines }): ComparisonLine[] => these == null || machines.length < 2
    ? []
    : [{ name: 'these machines', contender: title, ratio: these.ratio, low: these.low, high: these.high, verdict: these.verdict, words: `${ratioWithInterval(these)}, ${verdictWord(these.verdict, metric)}`, isSum: true }])

  return [...own, ...sums]
}

function verdictColor (verdict: Verdict, palette: Palette): string {
  return { faster: palette.good, slower: palette.bad, equivalent: palette.series[2]!, undecided: palette.neutral }[verdict]
}

/** A command line inside a sentence. */
function cutWords (title: string): string {
  const characters = [...title]

  return characters.length > 40 ? `${characters.slice(0, 39).join('')}…` : title
}

function middle (): Spec {
  return { signal: "scale('row', datum.row) + bandwidth('row') * 0.5" }
}
