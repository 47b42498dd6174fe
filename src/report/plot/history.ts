import { counted } from '../../model/text.ts'
import { median } from '../../stats/quantile.ts'
import { frame, legendBelow, legendHeight } from './frame.ts'
import { cut, paletteOf, shapeOf, SIZES } from './look.ts'
import { timeAxis } from './scales.ts'
import type { HistoryPoint } from '../history.ts'
import type { ChangePoint } from '../../stats/change-points.ts'
import type { Look, Spec } from './look.ts'
import type { Quantity } from './quantity.ts'

/** One command on one worker over time, with the points where it changed. */
export interface HistoryTrack {
  label: string
  points: readonly HistoryPoint[]
  /** Indexes are among the points that have a median. */
  changes: readonly ChangePoint[]
}

const HEIGHT = 320

/**
 * Medians of job after job with their intervals, a colour for each track, and
 * the level between changes as a line: jobs stand next to each other in their
 * order, as far apart as they were not in time.
 *
 * @param nameOf - what stands below a job
 */
export function historyChart (tracks: readonly HistoryTrack[], title: string, look: Look, quantity: Quantity, nameOf: (at: number) => string): Spec {
  const palette = paletteOf(look)
  const jobs = [...new Map(tracks.flatMap(({ points }) => points.map(({ job, at }) => [job, at] as const)))].sort(([, a], [, b]) => a - b)
  const places = new Map(jobs.map(([job], place) => [job, place]))
  const measured = tracks.map(({ points }) => points.flatMap(point => point.median == null ? [] : [{ ...point, median: point.median, place: places.get(point.job) ?? 0 }]))
  const axis = timeAxis(measured.flat().flatMap(({ median, interval }) => [median, ...interval == null ? [] : [Math.max(interval.low, median / 2), interval.high]]), false, quantity.unitOf)
  const inUnit = (value: number): number => value / axis.unit.ns
  const labels = tracks.map(({ label }) => cut(label, look.width * 0.6, look.measure, SIZES.label))
  const colors = labels.map((_, at) => palette.series[at % palette.series.length]!)
  const changes = tracks.flatMap(({ changes }, track) => changes.flatMap(({ at }) => {
    const first = measured[track]?.[at]
    const last = measured[track]?.[at - 1]

    return first == null || last == null ? [] : [{ x: (first.place + last.place) / 2, track, point: at }]
  }))
  const levels = tracks.flatMap(({ changes }, track) => {
    const own = measured[track]!
    const edges = [0, ...changes.map(({ at }) => at), own.length]

    return edges.slice(1).flatMap((until, index) => {
      const part = own.slice(edges[index], until)

      return part.length === 0 ? [] : [{ track, from: part[0]!.place - 0.35, until: part.at(-1)!.place + 0.35, y: inUnit(median(part.map(({ median }) => median))) }]
    })
  })
  // machines stand beside each other, so that none hides another
  const besides = Math.min(0.12, 0.6 / Math.max(1, tracks.length))
  // as many names as there is room for
  const room = Math.max(1, Math.floor((look.width - 100) / (look.measure(nameOf(jobs[0]?.[1] ?? 0), SIZES.label) + 16)))
  const every = Math.max(1, Math.ceil(jobs.length / room))

  return frame(look, {
    title,
    subtitle: `${counted(jobs.length, 'job')}, the oldest on the left. A dot is the median of its runs, the line through it its 95 % interval; a level line is the median of the jobs between two changes, and an upright line a change.${axis.scale.type === 'log' ? ' The scale is logarithmic.' : ''}`,
    contentHeight: HEIGHT + legendHeight(look, labels)
  }, {
    signals: [{ name: 'legendLabels', value: labels }, { name: 'names', value: jobs.map(([, at]) => nameOf(at)) }],
    data: [
      { name: 'points', values: measured.flatMap((points, track) => points.map(({ median, interval, place, job }, point) => ({ track, point, job, x: place + (track - (tracks.length - 1) / 2) * besides, y: inUnit(median), ...interval == null ? {} : { low: inUnit(interval.low), high: inUnit(interval.high) } }))) },
      { name: 'levels', values: levels },
      { name: 'changes', values: changes }
    ],
    scales: [
      { name: 'x', type: 'linear', domain: [-0.5, Math.max(0, jobs.length - 1) + 0.5], range: 'width', nice: false, zero: false },
      { name: 'y', range: 'height', zero: false, ...axis.scale },
      { name: 'color', type: 'ordinal', domain: labels.map((_, at) => at), range: colors },
      { name: 'shape', type: 'ordinal', domain: labels.map((_, at) => at), range: labels.map((_, at) => shapeOf(at)) }
    ],
    axes: [
      { scale: 'x', orient: 'bottom', title: 'jobs, in their order', values: jobs.flatMap((_, place) => place % every === 0 ? [place] : []), encode: { labels: { update: { text: { signal: 'names[datum.value]' } } } } },
      { scale: 'y', orient: 'left', title: `median ${quantity.title}, ${axis.unit.name}`, format: '~f', grid: true, domain: false, ticks: false, tickCount: { signal: 'height / 45' }, ...axis.values == null ? {} : { values: axis.values } }
    ],
    legends: legendBelow(look, labels, { fill: 'color', shape: 'shape', encode: { labels: { update: { text: { signal: 'legendLabels[datum.value]' } } } } }),
    marks: [
      { type: 'rule', from: { data: 'changes' }, encode: { enter: { x: { scale: 'x', field: 'x' }, y: { value: 0 }, y2: { signal: 'height' }, stroke: { scale: 'color', field: 'track' }, strokeWidth: { value: 1.5 }, strokeDash: { value: [5, 4] } } } },
      { type: 'rule', from: { data: 'levels' }, clip: true, encode: { enter: { x: { scale: 'x', field: 'from' }, x2: { scale: 'x', field: 'until' }, y: { scale: 'y', field: 'y' }, stroke: { scale: 'color', field: 'track' }, strokeWidth: { value: 2 }, strokeOpacity: { value: 0.5 } } } },
      { type: 'rule', from: { data: 'points' }, clip: true, encode: { enter: { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'low' }, y2: { scale: 'y', field: 'high' }, stroke: { scale: 'color', field: 'track' }, strokeWidth: { value: 1.5 }, opacity: { signal: 'isValid(datum.low) ? 1 : 0' } } } },
      { type: 'symbol', from: { data: 'points' }, encode: { enter: { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' }, size: { value: 55 }, shape: { scale: 'shape', field: 'track' }, fill: { scale: 'color', field: 'track' }, stroke: { value: palette.background }, strokeWidth: { value: 1 } } } }
    ]
  })
}
