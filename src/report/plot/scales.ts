import { unitFor } from '../quantities.ts'
import type { TimeUnit } from '../quantities.ts'
import type { Look, Spec } from './look.ts'

/** More than that between the least and the most, and a linear axis shows the least as nothing. */
const LOG_FROM = 30

/** Seconds, and for long times minutes and hours: of elapsed time. */
const ELAPSED: TimeUnit[] = [{ name: 'h', ns: 3600e9 }, { name: 'min', ns: 60e9 }, { name: 's', ns: 1e9 }, { name: 'ms', ns: 1e6 }]

export interface Axis {
  unit: TimeUnit
  scale: Record<string, unknown>
  values?: number[]
}

/** For values that are all above zero, in nanoseconds or what else `unitOf` knows: one unit for all, logarithmic where they are far apart. */
export function timeAxis (values: readonly number[], zero = false, unitOf: (value: number) => TimeUnit = unitFor): Axis {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity)
  const most = values.reduce((a, b) => Math.max(a, b), 0)
  // by the middle of the axis: its ends need three digits at most either way
  const isLog = least > 0 && most / least > LOG_FROM
  const unit = unitOf(isLog ? Math.sqrt(least * most) : Math.max(most * 0.8, 1))

  if (!Number.isFinite(least)) {
    return { unit, scale: { domain: [0, 1], nice: true } }
  }

  if (isLog) {
    const low = least / unit.ns / 1.15
    const high = most / unit.ns * 1.15

    return { unit, scale: { type: 'log', domain: [low, high], nice: false }, values: logTicks(low, high) }
  }

  const spread = most - least || most || 1

  return { unit, scale: zero ? { domain: [0, most / unit.ns * 1.05], nice: true } : { domain: [Math.max(0, least - spread * 0.08) / unit.ns, (most + spread * 0.08) / unit.ns], nice: true } }
}

/** 1, 2 and 5 of each power of ten, or fewer where there are many powers. */
export function logTicks (low: number, high: number): number[] {
  const [from, until] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const powers = Array.from({ length: until - from + 1 }, (_, at) => from + at)
  const steps = high / low < 3_000 ? [1, 2, 5] : [1]
  const all = powers.flatMap(power => steps.map(step => Number((step * 10 ** power).toPrecision(1)))).filter(tick => tick >= low && tick <= high)
  const every = Math.max(1, Math.ceil(all.length / 10))

  return all.filter((_, at) => at % every === 0)
}

/** Ratios around 1: as far as it is to one side it is to the other in doublings. */
export function ratioTicks (low: number, high: number): number[] {
  const span = high / low

  if (span > 3) {
    const most = Math.max(high, 1 / low)
    const steps = span > 200 ? [1, 10, 100, 1_000, 10_000] : span > 12 ? [1, 2, 5, 10, 20, 50, 100] : [1, 1.5, 2, 3, 4, 5, 7, 10]

    return [...new Set(steps.filter(step => step <= most * 1.01).flatMap(step => [step, Number((1 / step).toPrecision(2))]))].filter(tick => tick >= low && tick <= high).sort((a, b) => a - b)
  }

  const step = niceStep((high - low) / 9)
  const digits = Math.max(0, -Math.floor(Math.log10(step)))

  return Array.from({ length: 2 * Math.ceil((high - low) / step) + 3 }, (_, at) => at - Math.ceil((high - low) / step) - 1)
    .map(at => Number((1 + at * step).toFixed(digits)))
    .filter(tick => tick >= low && tick <= high && tick > 0)
}

/** 1, 2 or 5 times a power of ten, no less than that. */
export function niceStep (least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))

  return [1, 2, 5, 10].map(step => step * power).find(step => step >= least * 0.999) ?? 10 * power
}

/** Unit of a time since a beginning. */
export function elapsedUnit (ms: number): TimeUnit {
  return ELAPSED.find(unit => ms * 1e6 >= 3 * unit.ns) ?? ELAPSED.at(-1)!
}

/**
 * The axis of a time that has begun at an instant: how long after it, and where
 * there is a clock what it said then.
 *
 * @returns what goes into `axes` and, for the words of its labels, into `signals`
 */
export function elapsedAxis ({ width, timeOfDay }: Look, fromMs: number, windowMs: number): { axis: Spec, signals: Spec[] } {
  const unit = elapsedUnit(windowMs)
  const common = { scale: 'x', orient: 'bottom' }

  if (timeOfDay == null) {
    return { axis: { ...common, title: `time from the beginning, ${unit.name}`, format: '~f', tickCount: { signal: 'width / 90' } }, signals: [] }
  }

  const length = windowMs * 1e6 / unit.ns
  const step = niceStep(length / Math.max(2, Math.floor(width / 80)))
  const digits = Math.max(0, -Math.floor(Math.log10(step)))
  const ticks = Array.from({ length: Math.floor(length / step + 1e-9) + 1 }, (_, at) => Number((at * step).toFixed(digits)))
  const isToTheSecond = step * unit.ns < 60e9
  const labels = ticks.map(tick => [String(tick), timeOfDay(fromMs + tick * unit.ns / 1e6, isToTheSecond)])

  return {
    axis: { ...common, title: `time passed, ${unit.name}, and the clock`, values: ticks, encode: { labels: { update: { text: { signal: `elapsedLabels[round(datum.value / ${step})]` } } } } },
    signals: [{ name: 'elapsedLabels', value: labels }]
  }
}

const BINS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 14400e3]

/** Some fifty bins of a length that has a name. */
export function binMs (windowMs: number): number {
  return BINS_MS.find(bin => windowMs / bin <= 60) ?? BINS_MS.at(-1)! * Math.ceil(windowMs / BINS_MS.at(-1)! / 60)
}

/** `2026-11-21 21:40:05 UTC`. */
export function clockText (ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
