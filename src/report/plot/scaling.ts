import { MeshmarkError } from '../../model/errors.ts'
import { counted } from '../../model/text.ts'
import { frame, legendBelow, legendHeight } from './frame.ts'
import { paletteOf, shorten } from './look.ts'
import { commandsOf } from './measured.ts'
import { logTicks, timeAxis } from './scales.ts'
import type { Look, Spec } from './look.ts'
import type { Measured } from './measured.ts'

/** Lines that can be told apart. */
const MAX_SERIES = 8

export interface Point {
  series: string
  x: number
  y: number
  low?: number
  high?: number
}

/** A name for what is on an axis, with its unit. */
export interface ScalingAxes {
  x: string
  y: string
}

/** How long it takes, against a parameter of the commands that is a number; without one against the cores of the workers. */
export function scalingChart (measured: readonly Measured[], title: string, look: Look): Spec {
  const parameter = numericParameter(measured)
  const axis = timeAxis(measured.flatMap(({ median, interval }) => [...median == null ? [] : [median], ...interval == null ? [] : [interval.low, interval.high]]), true)
  const commands = commandsOf(measured)
  const points = measured.flatMap(({ worker, command, parameters, cores, median, interval }): Point[] => {
    const x = parameter == null ? cores : Number(parameters[parameter])

    return median == null || x == null
      ? []
      : [{
          // with a parameter the commands are the points of one line
          series: parameter == null ? (commands.length > 1 ? command : 'median') : worker,
          x,
          y: median / axis.unit.ns,
          ...interval == null ? {} : { low: interval.low / axis.unit.ns, high: interval.high / axis.unit.ns }
        }]
  })

  if (new Set(points.map(({ x }) => x)).size < 2) {
    throw new MeshmarkError('usage', `there is nothing to draw a line through: --kind scaling needs a parameter with two numbers at least (--parameter-scan, --parameter-list), or workers with different numbers of cores; this has ${counted(new Set(points.map(({ x }) => x)).size, 'value')}`)
  }

  const runs = measured.reduce((sum, { values }) => sum + values.length, 0)

  return lineChart(points, {
    title,
    subtitle: `${counted(new Set(measured.map(({ worker }) => worker)).size, 'worker')}, ${counted(runs, 'run')}. A point is the median of the runs, the line through it its 95 % interval, from six runs on.`,
    axes: { x: parameter ?? 'cores that the worker may use', y: `wall time of a run, ${axis.unit.name}` },
    yScale: axis,
    join: parameter != null
  }, look)
}

export interface LineChart {
  title: string
  subtitle: string
  axes: ScalingAxes
  yScale: { scale: Record<string, unknown>, values?: number[] }
  /** Lines from point to point. */
  join: boolean
  /** Drawn dashed, in the colour of the series of the same name: what could be at best. */
  bound?: readonly Point[]
}

/** Points of several series over numbers, joined by lines. */
export function lineChart (all: readonly Point[], { title, subtitle, axes, yScale, join, bound = [] }: LineChart, look: Look): Spec {
  const palette = paletteOf(look)
  const series = [...new Set(all.map(point => point.series))]
  const shown = series.slice(0, MAX_SERIES)
  const names = shown.map(name => shorten(name, look.width * 0.4, look.measure))
  const colors = shown.map((_, at) => palette.series[at]!)
  const numbered = (points: readonly Point[]): Array<Omit<Point, 'series'> & { series: number }> =>
    points.map(point => ({ ...point, series: shown.indexOf(point.series) })).filter(point => point.series >= 0).sort((a, b) => a.series - b.series || a.x - b.x)
  const points = numbered(all)
  // beside each other, where lines of intervals would cover each other
  const dodge = points.some(({ low }) => low != null) ? 5 : 0
  const x = { scale: 'x', field: 'x', offset: { signal: `(datum.series - ${(shown.length - 1) / 2}) * ${dodge}` } }
  const xs = [...new Set([...points, ...numbered(bound)].map(({ x }) => x))].sort((a, b) => a - b)
  const [least, most] = [xs[0]!, xs.at(-1)!]
  const isLog = least > 0 && most / least >= 16
  const edge = (most - least) * 0.04
  const domain = isLog ? [least / 1.15, most * 1.15] : [least - edge, most + edge]

  return frame(look, {
    title,
    subtitle: `${subtitle}${scalesText(isLog, yScale.scale.type === 'log')}${series.length > MAX_SERIES ? ` The first ${MAX_SERIES} of ${series.length} are drawn.` : ''}`,
    contentHeight: 340 + legendHeight(look, names)
  }, {
    signals: [{ name: 'legendLabels', value: names }],
    data: [{ name: 'points', values: points }, { name: 'bound', values: numbered(bound) }],
    scales: [
      { name: 'x', type: isLog ? 'log' : 'linear', domain, range: 'width', nice: false, zero: false },
      { name: 'y', range: 'height', ...yScale.scale },
      { name: 'color', type: 'ordinal', domain: shown.map((_, at) => at), range: colors }
    ],
    axes: [
      { scale: 'x', orient: 'bottom', title: axes.x, format: '~f', values: xs.length <= 12 ? xs : isLog ? logTicks(least, most) : undefined, tickCount: { signal: 'width / 80' } },
      { scale: 'y', orient: 'left', title: axes.y, format: '~f', grid: true, domain: false, ticks: false, tickCount: { signal: 'height / 45' }, ...yScale.values == null ? {} : { values: yScale.values } }
    ],
    legends: legendBelow(look, names, { fill: 'color', symbolType: 'circle', encode: { labels: { update: { text: { signal: 'legendLabels[datum.value]' } } } } }),
    marks: [
      ...lines('bound', x, { strokeWidth: { value: 1.5 }, strokeDash: { value: [4, 4] }, strokeOpacity: { value: 0.8 } }),
      ...join ? lines('points', x, { strokeWidth: { value: 2 } }) : [],
      // of noisy runs an interval may reach below nothing
      { type: 'rule', clip: true, from: { data: 'points' }, encode: { enter: { x, y: { scale: 'y', signal: 'isValid(datum.low) ? datum.low : datum.y' }, y2: { scale: 'y', signal: 'isValid(datum.high) ? datum.high : datum.y' }, stroke: { scale: 'color', field: 'series' }, strokeWidth: { value: 1.5 } } } },
      { type: 'symbol', from: { data: 'points' }, encode: { enter: { x, y: { scale: 'y', field: 'y' }, size: { value: 60 }, fill: { scale: 'color', field: 'series' }, stroke: { value: palette.background }, strokeWidth: { value: 1 } } } }
    ]
  })
}

function scalesText (x: boolean, y: boolean): string {
  return x && y ? ' Both scales are logarithmic.' : x ? ' The scale below is logarithmic.' : y ? ' The scale on the left is logarithmic.' : ''
}

/** The one parameter whose values are numbers, and more than one. */
export function numericParameter (measured: readonly Measured[]): string | undefined {
  const names = [...new Set(measured.flatMap(({ parameters }) => Object.keys(parameters)))]
  const values = (name: string): Array<string | undefined> => measured.map(({ parameters }) => parameters[name])

  return names.find(name => new Set(values(name)).size > 1 && values(name).every(value => value != null && value.trim() !== '' && Number.isFinite(Number(value))))
}

function lines (data: string, x: Spec, style: Spec): Spec[] {
  return [{
    type: 'group',
    from: { facet: { name: `${data}OfOne`, data, groupby: 'series' } },
    marks: [{ type: 'line', from: { data: `${data}OfOne` }, encode: { enter: { x, y: { scale: 'y', field: 'y' }, stroke: { scale: 'color', field: 'series' }, ...style } } }]
  }]
}
