import { MeshmarkError } from './errors.ts'

const DURATION_MS: Record<string, number> = { '': 1_000, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Of what a job is told: longer is a slip of the finger. */
export const MAX_JOB_MS = 366 * DURATION_MS.d!

/** Of anything: beyond it no clock counts. */
const MAX_MS = 100 * MAX_JOB_MS

const SIZE: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** `250ms`, `5s`, `1.5m`, `2h`, `7d`; a bare number is seconds. Returns milliseconds. */
export function parseDuration (text: string, what = 'duration', maxMs = MAX_MS): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim())

  if (match == null) {
    throw new MeshmarkError('usage', `${what} '${text}' is not a duration: write a number with ms, s, m, h or d, e.g. 500ms or 5s`)
  }

  const ms = Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? 0)

  if (ms > maxMs) {
    throw new MeshmarkError('usage', `${what} '${text}' is more than the most that can be asked for, ${formatDuration(maxMs)}`)
  }

  return ms
}

/** `512`, `64K`, `100M`, `2G`; 1024-based. Returns bytes. */
export function parseSize (text: string, what = 'size'): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt])?(?:i?b)?$/i.exec(text.trim())

  if (match == null) {
    throw new MeshmarkError('usage', `${what} '${text}' is not a size: write a number with K, M or G, e.g. 512M`)
  }

  return Math.round(Number(match[1]) * (SIZE[(match[2] ?? '').toLowerCase()] ?? 0))
}

export function parseCount (text: string, what: string, min = 1, max = 1_000_000): number {
  const value = Number(text)

  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new MeshmarkError('usage', `${what} '${text}' is not a whole number from ${min} to ${max}`)
  }

  return value
}

/** Bytes for people, three digits at most: 2.1 MB, 512 KB. 1024-based, as everywhere here. */
export function formatBytes (bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0

  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }

  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Milliseconds for people: 250 ms, 4.2 s, 3 min 5 s, 2 h 10 min. */
export function formatDuration (ms: number): string {
  if (ms < 1_000) {
    return `${Math.round(ms)} ms`
  }

  if (ms < 60_000) {
    // `5 s`, but `1.5 s`
    return `${Number((ms / 1_000).toFixed(ms < 9_950 ? 1 : 0))} s`
  }

  const minutes = Math.floor(ms / 60_000)

  return minutes < 60
    ? `${minutes} min${rest(Math.floor((ms % 60_000) / 1_000), 's')}`
    : `${Math.floor(minutes / 60)} h${rest(minutes % 60, 'min')}`
}

function rest (value: number, unit: string): string {
  return value === 0 ? '' : ` ${value} ${unit}`
}
