import { decimalsFor, decimalsOfDigits } from '../stats/digits.ts'
import { halfWidth } from '../stats/median-interval.ts'
import type { Ratio } from '../stats/ratio.ts'
import type { Figures } from './rows.ts'

export interface TimeUnit { name: string, ns: number }

const UNITS: TimeUnit[] = [{ name: 's', ns: 1e9 }, { name: 'ms', ns: 1e6 }, { name: 'µs', ns: 1e3 }]

/** Without an interval three digits are shown: a choice, not a claim. */
const PLAIN_DIGITS = 3

/** The largest unit in which a time is at least one; the smallest is the microsecond. */
export function unitFor (ns: number): TimeUnit {
  return UNITS.find(unit => ns >= unit.ns) ?? { name: 'µs', ns: 1e3 }
}

/** One unit for all when none of them needs more than four digits before the point in it; else undefined, and each has its own. */
export function commonUnit (times: readonly number[]): TimeUnit | undefined {
  const unit = unitFor(Math.min(...times))

  return times.every(ns => ns < unit.ns * 10_000) ? unit : undefined
}

/** Decimals that all times of a row share: those that the interval of its median deserves. */
export function timeDecimals ({ median, interval }: Figures, unit: TimeUnit): number {
  const uncertainty = interval == null ? 0 : halfWidth(interval) / unit.ns

  return uncertainty > 0 ? decimalsFor(uncertainty) : decimalsOfDigits(median / unit.ns, PLAIN_DIGITS)
}

/** `41.2 ms ± 0.4`; without an interval `41.2 ms`. */
export function medianText (figures: Figures, unit: TimeUnit): string {
  const decimals = timeDecimals(figures, unit)
  const value = timeText(figures.median, unit, decimals)

  return figures.interval == null ? value : `${value} ± ${(halfWidth(figures.interval) / unit.ns).toFixed(decimals)}`
}

export function timeText (ns: number, unit: TimeUnit, decimals: number): string {
  return `${(ns / unit.ns).toFixed(decimals)} ${unit.name}`
}

/** A time without an interval, three digits of it, in a unit of its own. */
export function plainTime (ns: number): string {
  const unit = unitFor(ns)

  return timeText(ns, unit, decimalsOfDigits(ns / unit.ns, PLAIN_DIGITS))
}

/** CPU time beside its wall time; a program that mostly waits has its own unit, for else its digits would be gone. */
export function cpuText (figures: Figures, unit: TimeUnit): string {
  if (figures.cpu > figures.median / 20) {
    return timeText(figures.cpu, unit, timeDecimals(figures, unit))
  }

  const own = unitFor(figures.cpu)

  return timeText(figures.cpu, own, decimalsOfDigits(figures.cpu / own.ns, 2))
}

/** `1.53 ± 0.02`: two decimals, fewer when the interval is wide and more when it is narrow. */
export function ratioText (ratio: number, interval?: Ratio): string {
  const uncertainty = interval == null ? 0 : Math.max(interval.high - interval.ratio, interval.ratio - interval.low)

  if (interval == null || uncertainty === 0) {
    return ratio.toFixed(2)
  }

  if (!Number.isFinite(uncertainty)) {
    return `${ratio.toFixed(2)} ± ?`
  }

  const deserved = decimalsFor(uncertainty)
  const decimals = uncertainty < 0.0095 ? deserved : Math.min(2, deserved)

  return `${ratio.toFixed(decimals)} ± ${uncertainty.toFixed(decimals)}`
}
