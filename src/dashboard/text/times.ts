/** `14:03:22` today, else `Nov 20, 14:03`; with the year when it is another one. In the reader's zone and language. */
export function shortInstant (at: number, nowMs: number, locale?: string, timeZone?: string): string {
  const day = (ms: number): string => format(ms, { year: 'numeric', month: 'numeric', day: 'numeric' }, locale, timeZone)
  const year = (ms: number): string => format(ms, { year: 'numeric' }, locale, timeZone)

  if (day(at) === day(nowMs)) {
    return format(at, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }, locale, timeZone)
  }

  return format(at, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...(year(at) === year(nowMs) ? {} : { year: 'numeric' }) }, locale, timeZone)
}

/** `14:03`, or `14:03:22`. */
export function timeOfDay (at: number, isToTheSecond: boolean, locale?: string, timeZone?: string): string {
  return format(at, { hour: '2-digit', minute: '2-digit', ...(isToTheSecond ? { second: '2-digit' } : {}), hourCycle: 'h23' }, locale, timeZone)
}

/** To the second, with the day and the zone, where there is no room to say it twice. */
export function zonedInstant (at: number, locale?: string, timeZone?: string): string {
  return format(at, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' }, locale, timeZone)
}

/** To the millisecond, with the zone, and in UTC. */
export function exactInstant (at: number, locale?: string, timeZone?: string): string {
  const local = format(at, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23', timeZoneName: 'short' }, locale, timeZone)

  return `${local} (${new Date(at).toISOString()})`
}

/** In one step of a unit, as is said: `4 s`, `3 min`, `2 h`, `5 d`. Never negative: clocks differ. */
export function age (ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))

  return seconds < 60
    ? `${seconds} s`
    : seconds < 3_600
      ? `${Math.floor(seconds / 60)} min`
      : seconds < 48 * 3_600 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

/** Making a formatter takes longer than using it a hundred times. */
const formatters = new Map<string, Intl.DateTimeFormat>()

function format (at: number, options: Intl.DateTimeFormatOptions, locale?: string, timeZone?: string): string {
  const key = JSON.stringify([options, locale, timeZone])
  const formatter = formatters.get(key) ?? new Intl.DateTimeFormat(locale, { ...options, timeZone })

  formatters.set(key, formatter)

  return formatter.format(at)
}
