import { shortJobId } from '../../model/ids.ts'
import { counted } from '../../model/text.ts'
import { activitiesOf, lanesOf } from '../activity.ts'
import { frame, labelRoom, legendBelow, legendHeight, rows, rowsHeight, stripes } from './frame.ts'
import { paletteOf, shorten } from './look.ts'
import { clockText, elapsedAxis, elapsedUnit } from './scales.ts'
import type { Activity } from '../activity.ts'
import type { Profile } from '../profile-file.ts'
import type { Look, Palette, Spec } from './look.ts'

const SOMEBODY = 'of another client'
/** When there are more jobs than colours. */
const ANY = 'of your jobs'
const NOT_WELL = 'not ended well'
const AT_WORK = 'no record yet'

/** A worker says that it runs something until its record is on the way: that long after the end it means nothing. */
const AFTER_MS = 2_000

/** States in which a worker takes nothing, as the chart names them. */
const AWAY: Partial<Record<string, string>> = { lost: 'lost', draining: 'draining', 'failed, restarting': 'restarting' }

/** Beside each other in one row; a row is no higher. */
const MAX_LANES = 12

interface Bar {
  row: number
  from: number
  until: number
  what: string
  /** Of the row's height, from its top. */
  top: number
  bottom: number
}

/** Who was busy when: a row for each worker, a bar for each task, in the colour of its job. */
export function busyChart (profile: Profile, title: string, look: Look): Spec {
  const palette = paletteOf(look)
  const activities = activitiesOf(profile.changes, profile)
  const windowMs = Math.max(1, profile.untilMs - profile.fromMs)
  const unit = elapsedUnit(windowMs)
  const inUnit = (ms: number): number => (ms - profile.fromMs) * 1e6 / unit.ns
  const jobs = namedJobs(activities, palette.series.length - 2)
  const bars = activities
    .flatMap((activity, row) => barsOf(activity, row, jobs, windowMs / look.width))
    .map(bar => ({ ...bar, ms: bar.until - bar.from, from: inUnit(bar.from), until: inUnit(bar.until) }))
  const legend = legendOf(bars, jobs, palette)
  const names = legend.map(({ what }) => what)
  const tasks = activities.flatMap(activity => activity.tasks)
  const failed = tasks.filter(({ outcome }) => outcome !== 'done').length
  const share = activities.reduce((sum, { busyMs }) => sum + busyMs, 0) / windowMs / Math.max(1, activities.length)
  const { scale, axes, signals } = rows(look, activities.map(({ name }) => shorten(name, labelRoom(look), look.measure)), {
    title: 'busy',
    words: activities.map(({ busyMs }) => `${Math.round(busyMs / windowMs * 100)} %`)
  })
  const time = elapsedAxis(look, profile.fromMs, windowMs)
  const stripe = stripes(look, activities.map(({ worker }) => worker))

  return frame(look, {
    title,
    subtitle: `${counted(activities.length, 'worker')}, ${counted(tasks.length, 'task')}${failed === 0 ? '' : `, ${failed} of them not ended well`}, from ${(look.clock ?? clockText)(profile.fromMs)}. On the right: the share of the time in which a worker ran something; ${Math.round(share * 100)} % over all of them.`,
    contentHeight: rowsHeight(activities.length) + 60 + legendHeight(look, names)
  }, {
    signals: [...signals, ...time.signals],
    data: [stripe.data, { name: 'bars', values: bars }],
    scales: [
      scale,
      { name: 'x', type: 'linear', domain: [0, inUnit(profile.untilMs)], range: 'width', zero: false, nice: false },
      { name: 'color', type: 'ordinal', domain: names, range: legend.map(({ color }) => color) }
    ],
    axes: [{ ...time.axis, grid: true }, ...axes],
    legends: legendBelow(look, names, { fill: 'color', symbolType: 'square' }),
    marks: [stripe.mark, {
      type: 'rect',
      clip: true,
      from: { data: 'bars' },
      encode: {
        enter: {
          x: { scale: 'x', field: 'from' },
          // what is there is seen, but short ones together look no longer than they are
          x2: { signal: "max(scale('x', datum.until), scale('x', datum.from) + 0.4)" },
          y: { signal: "scale('row', datum.row) + bandwidth('row') * datum.top" },
          y2: { signal: "scale('row', datum.row) + bandwidth('row') * datum.bottom" },
          fill: { scale: 'color', field: 'what' },
          stroke: { value: palette.edge ?? palette.background },
          strokeWidth: palette.edge == null ? { signal: "scale('x', datum.until) - scale('x', datum.from) > 4 ? 0.75 : 0" } : { value: 1 }
        }
      }
    }]
  })
}

/** Each with a colour of its own; none when there are more than colours. Ids are in the order of their times. */
function namedJobs (activities: readonly Activity[], colours: number): string[] {
  const jobs = new Set(activities.flatMap(({ tasks }) => tasks.flatMap(({ job }) => job ?? [])))

  return jobs.size > colours ? [] : [...jobs].sort()
}

/** @param pixelMs - what is closer to each other than that is drawn as one */
function barsOf ({ spans, tasks }: Activity, row: number, jobs: readonly string[], pixelMs: number): Bar[] {
  const lanes = lanesOf(tasks.map(({ fromMs, untilMs }) => ({ fromMs, untilMs: Math.max(fromMs, untilMs - pixelMs) })))
  const height = 1 / Math.min(MAX_LANES, Math.max(1, ...lanes.map(lane => lane + 1)))
  const last = new Map<string, Bar>()
  const bars: Bar[] = []

  for (const { state, fromMs, untilMs } of spans) {
    const what = state === 'running' ? AT_WORK : AWAY[state]
    const doneMs = Math.max(-Infinity, ...tasks.filter(task => task.fromMs < untilMs).slice(-MAX_LANES).map(task => task.untilMs))
    const restMs = state === 'running' ? Math.max(fromMs, doneMs) : fromMs

    // what has ended is told by its own bar
    if (what != null && untilMs - restMs > (state === 'running' ? Math.max(pixelMs, AFTER_MS) : 0)) {
      bars.push({ row, from: restMs, until: untilMs, what, top: 0, bottom: 1 })
    }
  }

  tasks.map((task, at) => ({ task, lane: (lanes[at] ?? 0) % MAX_LANES })).sort((a, b) => a.task.fromMs - b.task.fromMs).forEach(({ task, lane }) => {
    const what = task.outcome === 'done' ? labelOf(task.job, jobs) : NOT_WELL
    const before = last.get(`${lane}`)

    if (before?.what === what && task.untilMs - task.fromMs < pixelMs && task.fromMs - before.until < pixelMs) {
      before.until = Math.max(before.until, task.untilMs)
    } else {
      const bar = { row, from: task.fromMs, until: task.untilMs, what, top: lane * height, bottom: (lane + 1) * height }

      last.set(`${lane}`, bar)
      bars.push(bar)
    }
  })

  return bars
}

function labelOf (job: string | undefined, jobs: readonly string[]): string {
  return job == null ? SOMEBODY : jobs.includes(job) ? `job ${shortJobId(job)}` : ANY
}

/** What there is, in an order that does not depend on it. */
function legendOf (bars: ReadonlyArray<Pick<Bar, 'what'>>, jobs: readonly string[], palette: Palette): Array<{ what: string, color: string }> {
  const there = new Set(bars.map(({ what }) => what))
  const all = [
    ...jobs.map((job, at) => ({ what: labelOf(job, jobs), color: palette.series[at] ?? palette.neutral })),
    { what: ANY, color: palette.series[0]! },
    { what: SOMEBODY, color: palette.neutral },
    { what: AT_WORK, color: palette.faint },
    { what: NOT_WELL, color: palette.bad },
    { what: 'lost', color: palette.away[0]! },
    { what: 'draining', color: palette.away[1]! },
    { what: 'restarting', color: palette.away[2]! }
  ]

  return all.filter(({ what }) => there.has(what))
}
