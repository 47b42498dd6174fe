import { niceStep, type Axis } from '../plot/scales.ts'
import { ascending, quantileOfSorted } from '../../stats/quantile.ts'
import { MIN_FOR_PERCENTILES } from '../statistics.ts'
import { html, type Html } from './markup.ts'
import type { MedianInterval } from '../../stats/median-interval.ts'

/** Single values of one row, drawn along an axis that all rows share. */
export interface Strip {
  name: string
  /** Below the name: which command, or which processor. */
  sub?: string
  /** What its rows are shown and hidden with; absent = always there. */
  worker?: number
  command: number
  /** Nanoseconds, in the order of the runs; empty when there is nothing to rely on. */
  values: readonly number[]
  /** What each value is, where it is no run. */
  labels?: readonly string[]
  median?: number
  /** Of the median, 95 %. */
  interval?: MedianInterval
  /** To the right: `41.2 ms ± 0.4`, or what went wrong. */
  words: string
  /** Below the words: `96 runs`. */
  small?: string
}

/** Beyond so many in one row single runs cannot be told apart: a box is drawn. */
const MAX_POINTS = 400

/** And no more than so many in one picture. */
const MAX_ALL_POINTS = 8_000

/** Colours of commands that can be told apart. */
export const COLOURS = 8

/** Height of the room for a row's values; the drawing is stretched to the row. */
const HEIGHT = 100
const WIDTH = 10_000

export interface Scale {
  low: number
  high: number
  isLog: boolean
  ticks: Array<{ at: number, text: string }>
  unit: string
}

/** A scale whose ends are round, of an axis as charts have it; in nanoseconds. */
export function scaleOf ({ unit, scale, values }: Axis): Scale {
  const [from = 0, until = 1] = scale.domain as number[]

  if (scale.type === 'log') {
    return { low: from * unit.ns, high: until * unit.ns, isLog: true, ticks: (values ?? []).map(value => ({ at: value * unit.ns, text: String(value) })), unit: unit.name }
  }

  const step = niceStep((until - from) / 5 || 1)
  const low = Math.floor(from / step + 1e-9) * step
  const count = Math.ceil((until - low) / step - 1e-9)
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9))

  return {
    low: low * unit.ns,
    high: (low + count * step) * unit.ns,
    isLog: false,
    ticks: Array.from({ length: count + 1 }, (_, at) => ({ at: (low + at * step) * unit.ns, text: (low + at * step).toFixed(decimals) })),
    unit: unit.name
  }
}

/** Where a value lies, from 0 to 1; what is outside lies at the edge. */
export function placeOf (value: number, { low, high, isLog }: Scale): number {
  const place = isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)

  return Math.min(1, Math.max(0, Number.isFinite(place) ? place : 0))
}

export function percentOf (place: number): string {
  return `${Number((place * 100).toFixed(2))}%`
}

/** The rows, and the axis below them. */
export function stripChart (strips: readonly Strip[], scale: Scale, axisTitle: string): Html {
  const points = strips.reduce((sum, { values }) => sum + values.length, 0)

  return html`<div class="chart" role="group" data-low="${scale.low}" data-high="${scale.high}" data-log="${scale.isLog ? 1 : 0}" data-unit="${scale.unit}">
${strips.map((strip, at) => rowOf(strip, scale, isBox(strip, points), strips[at - 1]?.name === strip.name))}
${axis(scale, axisTitle)}</div>`
}

function isBox ({ values }: Strip, points: number): boolean {
  return values.length > MAX_POINTS || (points > MAX_ALL_POINTS && values.length >= MIN_FOR_PERCENTILES)
}

function rowOf (strip: Strip, scale: Scale, asBox: boolean, isSameName: boolean): Html {
  const { name, sub, worker, command, values, labels, median, interval, words, small } = strip
  const said = `${name}${sub == null ? '' : `, ${sub}`}: ${words}${small == null ? '' : `, ${small}`}`

  return html`<div class="strip c${command % COLOURS}"${worker == null ? '' : html` data-w="${worker}"`} data-c="${command}"><div class="who"><b${isSameName ? html` class="again"` : ''}>${name}</b>${sub == null ? '' : html`<span class="sub">${sub}</span>`}</div>
<svg class="plot" role="img" aria-label="${said}"${values.length === 0 || asBox ? '' : html` data-v="${values.join(' ')}"`}${labels == null || asBox ? '' : html` data-l="${JSON.stringify(labels)}"`}>${gridLines(scale)}${interval == null
    ? ''
    : bar('ci', placeOf(interval.low, scale), placeOf(interval.high, scale), '6%', '88%')}${asBox ? box(values, scale) : dots(values, scale)}${median == null ? '' : html`<line class="median" x1="${percentOf(placeOf(median, scale))}" x2="${percentOf(placeOf(median, scale))}" y1="4%" y2="96%"/>`}</svg>
<div class="figure">${words}${small == null ? '' : html`<span class="sub">${small}</span>`}</div></div>
`
}

/** From top to bottom in the order of the runs, so that a drift is seen as a slant. */
function dots (values: readonly number[], scale: Scale): Html | '' {
  const y = (at: number): number => values.length === 1 ? HEIGHT / 2 : Math.round(14 + (HEIGHT - 28) * at / (values.length - 1))

  return values.length === 0 ? '' : html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" width="100%" height="100%"><path class="dots" d="${values.map((value, at) => `M${Math.round(placeOf(value, scale) * WIDTH)} ${y(at)}h0`).join('')}"/></svg>`
}

function box (values: readonly number[], scale: Scale): Html {
  const sorted = ascending(values)
  const at = (q: number): number => placeOf(quantileOfSorted(sorted, q), scale)

  return html`<line class="whisker" x1="${percentOf(at(0.05))}" x2="${percentOf(at(0.95))}" y1="50%" y2="50%"/>${bar('box', at(0.25), at(0.75), '22%', '56%')}`
}

export function bar (name: string, from: number, until: number, y: string, height: string): Html {
  return html`<rect class="${name}" x="${percentOf(from)}" width="${percentOf(Math.max(0, until - from))}" y="${y}" height="${height}"/>`
}

/** Upright lines of a row. */
export function gridLines (scale: Scale): Html[] {
  return scale.ticks.map(({ at }) => {
    const x = percentOf(placeOf(at, scale))

    return html`<line x1="${x}" x2="${x}" y2="100%"/>`
  })
}

/** Below the rows: numbers, and what they are. */
export function axis (scale: Scale, title: string): Html {
  return html`<div class="axis"><svg role="presentation" aria-hidden="true">${scale.ticks.map(({ at, text }) => html`<text x="${percentOf(placeOf(at, scale))}" y="14">${text}</text>`)}</svg><p>${title}</p></div>`
}
