import { counted } from '../../model/text.ts'
import { frame, legendBelow, legendHeight } from './frame.ts'
import { paletteOf } from './look.ts'
import { binMs, clockText, elapsedAxis, elapsedUnit } from './scales.ts'
import { formatDuration } from '../../model/units.ts'
import type { Profile } from '../profile-file.ts'
import type { Look, Spec } from './look.ts'

const DONE = 'done'
const NOT_WELL = 'not ended well'

/** Rates are said in the first of these in which the highest is at least one. */
const RATES = [{ name: 'second', ms: 1_000 }, { name: 'minute', ms: 60_000 }, { name: 'hour', ms: 3_600_000 }]

/** How many tasks ended, over time. */
export function throughputChart (profile: Profile, title: string, look: Look): Spec {
  const palette = paletteOf(look)
  const { fromMs, untilMs } = profile
  const windowMs = Math.max(1, untilMs - fromMs)
  const ended = profile.changes.flatMap(change => change.kind === 'task' && change.endedAtMs > fromMs && change.endedAtMs <= untilMs ? [change] : [])
  const lengthMs = binMs(windowMs)
  const counts = Array.from({ length: Math.ceil(windowMs / lengthMs) }, () => ({ done: 0, bad: 0 }))

  for (const { endedAtMs, outcome } of ended) {
    const count = counts[Math.min(counts.length - 1, Math.floor((endedAtMs - fromMs) / lengthMs))]!

    count[outcome === 'done' ? 'done' : 'bad']++
  }

  const unit = elapsedUnit(windowMs)
  const most = Math.max(0, ...counts.map(({ done, bad }) => done + bad)) / lengthMs
  const rate = RATES.find(({ ms }) => most * ms >= 1) ?? RATES.at(-1)!
  const bars = counts.flatMap(({ done, bad }, at) => {
    const from = at * lengthMs
    const until = Math.min(windowMs, from + lengthMs)
    const height = (count: number): number => count / (until - from) * rate.ms
    const x = { from: from * 1e6 / unit.ns, until: until * 1e6 / unit.ns, ms: until - from }

    return [
      ...done === 0 ? [] : [{ ...x, low: 0, high: height(done), count: done, what: DONE }],
      ...bad === 0 ? [] : [{ ...x, low: height(done), high: height(done + bad), count: bad, what: NOT_WELL }]
    ]
  })
  const names = [DONE, NOT_WELL].filter(name => bars.some(({ what }) => what === name))
  const mean = ended.length / windowMs * rate.ms
  const workers = new Set(profile.changes.map(({ worker }) => worker)).size
  const failed = ended.filter(({ outcome }) => outcome !== 'done').length

  const time = elapsedAxis(look, fromMs, windowMs)

  return frame(look, {
    title,
    subtitle: `${counted(ended.length, 'task')} ended on ${counted(workers, 'worker')}${failed === 0 ? '' : `, ${failed} of them not well`}, from ${(look.clock ?? clockText)(fromMs)}. A bar is ${formatDuration(lengthMs)}; the line is the mean over the whole time, ${rateText(mean)} per ${rate.name}.`,
    contentHeight: 300 + legendHeight(look, names)
  }, {
    signals: time.signals,
    data: [{ name: 'bars', values: bars }, { name: 'mean', values: [{ mean }] }],
    scales: [
      { name: 'x', type: 'linear', domain: [0, windowMs * 1e6 / unit.ns], range: 'width', nice: false },
      { name: 'y', type: 'linear', domain: [0, Math.max(mean, ...bars.map(({ high }) => high)) || 1], range: 'height', nice: true, zero: true },
      { name: 'color', type: 'ordinal', domain: names, range: names.map(name => name === DONE ? palette.series[0] : palette.bad) }
    ],
    axes: [
      time.axis,
      { scale: 'y', orient: 'left', title: `tasks ended per ${rate.name}`, format: '~f', grid: true, domain: false, ticks: false, tickCount: { signal: 'height / 45' } }
    ],
    legends: legendBelow(look, names, { fill: 'color', symbolType: 'square' }),
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'from' },
            // a gap between bars where there is room for one
            x2: { signal: "scale('x', datum.until) - (scale('x', datum.until) - scale('x', datum.from) > 4 ? 1 : 0)" },
            y: { scale: 'y', field: 'low' },
            y2: { scale: 'y', field: 'high' },
            fill: { scale: 'color', field: 'what' },
            ...palette.edge == null ? {} : { stroke: { value: palette.edge }, strokeWidth: { value: 1 } }
          }
        }
      },
      {
        type: 'rule',
        from: { data: 'mean' },
        encode: { enter: { x: { value: 0 }, x2: { signal: 'width' }, y: { scale: 'y', field: 'mean' }, stroke: { value: palette.text }, strokeWidth: { value: 1.5 }, strokeDash: { value: [5, 4] } } }
      }
    ]
  })
}

/** Three digits, and none of them an exponent. */
export function rateText (rate: number): string {
  return rate === 0 ? '0' : rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3)
}
