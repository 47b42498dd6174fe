import { counted } from '../../model/text.ts'
import { ascending, quantileOfSorted } from '../../stats/quantile.ts'
import { medianText } from '../quantities.ts'
import { MIN_FOR_PERCENTILES } from '../statistics.ts'
import { frame, labelRoom, legendBelow, legendHeight, rows, rowsHeight, stripes } from './frame.ts'
import { cut, paletteOf, shapeOf, shorten, SIZES } from './look.ts'
import { byWorker, commandsOf } from './measured.ts'
import { QUANTITIES } from './quantity.ts'
import { timeAxis } from './scales.ts'
import type { TimeUnit } from '../quantities.ts'
import type { Look, Spec } from './look.ts'
import type { Measured } from './measured.ts'
import type { Quantity } from './quantity.ts'

/** Beyond so many in one row single runs cannot be told apart: a box is drawn. */
const MAX_POINTS = 400

/** Pixels; below, figures on the right are cut down to the most important. */
const NARROW = 500

/** And no more than so many in one picture. */
const MAX_ALL_POINTS = 8_000

/** How the runs of each worker lie: every run, or a box, and the median with its interval. */
export function distributionChart (all: readonly Measured[], title: string, look: Look, quantity: Quantity = QUANTITIES.wall): Spec {
  const palette = paletteOf(look)
  const measured = byWorker(all)
  const commands = commandsOf(measured)
  const axis = timeAxis(measured.flatMap(({ values }) => values), false, quantity.unitOf)
  const runs = measured.reduce((sum, { values }) => sum + values.length, 0)
  const isBox = measured.map(({ values }) => values.length > MAX_POINTS || (runs > MAX_ALL_POINTS && values.length >= MIN_FOR_PERCENTILES))
  const colors = commands.map((_, at) => palette.series[at % palette.series.length]!)
  const legend = commands.map(command => cut(command, look.width * 0.6, look.measure, SIZES.label))
  const workers = new Set(measured.map(({ worker }) => worker)).size
  const failed = measured.filter(({ values }) => values.length === 0).length
  // on a phone the runs themselves need the room
  const isNarrow = look.width < NARROW
  const { scale, axes, signals } = rows(look, names(measured, look), {
    title: isNarrow ? 'median ± 95 %' : 'median ± 95 % · runs',
    words: measured.map(one => cut(figures(one, axis.scale.type === 'log' ? quantity.unitOf(one.median ?? 0) : axis.unit, !isNarrow), Math.min(240, look.width * 0.3), look.measure, SIZES.label))
  })
  const stripe = stripes(look, measured.map(({ worker }) => worker))
  const [points, boxes] = [isBox.includes(false), isBox.includes(true)]

  return frame(look, {
    title,
    subtitle: [
      `${counted(workers, 'worker')}, ${counted(runs, 'run')}${failed === 0 ? '' : `, ${counted(failed, 'row')} without a result`}.`,
      points ? 'A dot is one run.' : '',
      boxes ? 'A box holds the middle half of the runs, and its line goes from the 5th to the 95th percentile.' : '',
      'The upright bar is the median; the band around it is its 95 % interval, from six runs on.',
      axis.scale.type === 'log' ? 'The scale is logarithmic.' : ''
    ].filter(sentence => sentence !== '').join(' '),
    contentHeight: rowsHeight(measured.length) + 70 + legendHeight(look, legend)
  }, {
    signals: [...signals, { name: 'legendLabels', value: legend }],
    data: [
      stripe.data,
      { name: 'points', values: measured.flatMap(({ values }, row) => isBox[row] === true ? [] : values.map((ns, at) => ({ row, x: ns / axis.unit.ns, place: place(at), run: at, command: colorOf(measured[row]!, commands) }))) },
      { name: 'boxes', values: measured.flatMap(({ values }, row) => isBox[row] === true ? [{ row, ...box(values, axis.unit), command: colorOf(measured[row]!, commands) }] : []) },
      { name: 'medians', values: measured.flatMap(({ median, interval }, row) => median == null ? [] : [{ row, x: median / axis.unit.ns, ...interval == null ? {} : { low: interval.low / axis.unit.ns, high: interval.high / axis.unit.ns }, command: colorOf(measured[row]!, commands) }]) }
    ],
    scales: [
      scale,
      { name: 'x', range: 'width', zero: false, ...axis.scale },
      { name: 'color', type: 'ordinal', domain: commands.map((_, at) => at), range: colors },
      { name: 'legend', type: 'ordinal', domain: legend.map((_, at) => at), range: colors },
      { name: 'shape', type: 'ordinal', domain: legend.map((_, at) => at), range: legend.map((_, at) => shapeOf(at)) }
    ],
    axes: [{ scale: 'x', orient: 'bottom', title: `${quantity.title}, ${axis.unit.name}`, format: '~f', grid: true, tickCount: { signal: 'width / 80' }, ...axis.values == null ? {} : { values: axis.values } }, ...axes],
    legends: legendBelow(look, legend, { fill: 'legend', shape: 'shape', encode: { labels: { update: { text: { signal: 'legendLabels[datum.value]' } } } } }),
    marks: [
      stripe.mark,
      {
        type: 'rect',
        // of noisy runs it may reach below nothing
        clip: true,
        from: { data: 'medians' },
        encode: { enter: { ...ends('low', 'high'), ...across(0.08, 0.92), fill: { scale: 'color', field: 'command' }, fillOpacity: { value: 0.28 }, ...palette.edge == null ? {} : { stroke: { value: palette.edge } }, opacity: { signal: 'isValid(datum.low) ? 1 : 0' } } }
      },
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'x' },
            y: { signal: "scale('row', datum.row) + bandwidth('row') * (0.2 + 0.6 * datum.place)" },
            size: { signal: "clamp(bandwidth('row'), 5, 18)" },
            shape: { scale: 'shape', field: 'command' },
            fill: { scale: 'color', field: 'command' },
            fillOpacity: { value: palette.edge == null ? 0.55 : 1 }
          }
        }
      },
      { type: 'rule', from: { data: 'boxes' }, encode: { enter: { x: { scale: 'x', field: 'p5' }, x2: { scale: 'x', field: 'p95' }, y: { signal: "scale('row', datum.row) + bandwidth('row') * 0.5" }, stroke: { scale: 'color', field: 'command' }, strokeWidth: { value: 1.5 } } } },
      {
        type: 'rect',
        from: { data: 'boxes' },
        encode: { enter: { ...ends('q1', 'q3'), ...across(0.22, 0.78), fill: { value: palette.background }, stroke: { scale: 'color', field: 'command' }, strokeWidth: { value: 1.5 } } }
      },
      {
        type: 'rect',
        from: { data: 'medians' },
        encode: { enter: { xc: { scale: 'x', field: 'x' }, width: { value: 2.5 }, ...across(0.04, 0.96), fill: { value: palette.text } } }
      }
    ]
  })
}

/** A worker's name once for all of its rows. */
function names (measured: readonly Measured[], look: Look): string[] {
  return measured.map(({ worker }, row) => measured[row - 1]?.worker === worker ? '' : shorten(worker, labelRoom(look), look.measure))
}

/** `41.2 ms ± 0.4 · 96`, or what went wrong. */
function figures ({ median, interval, values, problem }: Measured, unit: TimeUnit, withRuns: boolean): string {
  return median == null
    ? problem ?? 'no runs'
    : `${medianText({ median, ...(interval == null ? {} : { interval }), min: median, cpu: 0 }, unit)}${withRuns ? ` · ${values.length}` : ''}${problem == null ? '' : `, some ${problem.split(':')[0]}`}`
}

function box (values: readonly number[], unit: TimeUnit): Record<string, number> {
  const sorted = ascending(values)

  return Object.fromEntries([['p5', 0.05], ['q1', 0.25], ['q3', 0.75], ['p95', 0.95]].map(([name, q]) => [name, quantileOfSorted(sorted, Number(q)) / unit.ns]))
}

function colorOf ({ command }: Measured, commands: readonly string[]): number {
  return commands.indexOf(command)
}

/** From 0 to 1, neighbours far from each other: the golden ratio's multiples. */
function place (at: number): number {
  return (at * 0.6180339887498949 + 0.5) % 1
}

function ends (from: string, until: string): Spec {
  return { x: { scale: 'x', field: from }, x2: { scale: 'x', field: until } }
}

function across (top: number, bottom: number): Spec {
  return { y: { signal: `scale('row', datum.row) + bandwidth('row') * ${top}` }, y2: { signal: `scale('row', datum.row) + bandwidth('row') * ${bottom}` } }
}
