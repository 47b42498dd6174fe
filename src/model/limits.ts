import { formatBytes, formatDuration, MAX_JOB_MS } from './units.ts'

/** What one run of a program may use. Every limit that ends a run is its own named outcome. */
export interface Limits {
  /** Wall time of one run. */
  wallMs: number
  /** CPU time of one run, all its processes together; absent = only the wall limit holds. */
  cpuMs?: number
  /** Memory of the tree of processes. */
  memoryBytes: number
  /** Processes and threads alive at once. */
  processes: number
  /** stdout plus stderr of one run. */
  outputBytes: number
  /** The largest file a run may write. */
  fileBytes: number
  /** Size of /tmp, and of the working copy beyond the payload. */
  tmpBytes: number
  /** Files and folders in /tmp. */
  tmpInodes: number
  /** Of each process. */
  openFiles: number
}

/** What a run that was ended met; on the wire a word's place counts, so new ones are only added at the end. */
export const LIMIT_NAMES = ['wall', 'cpu', 'memory', 'processes', 'output', 'file', 'tmp', 'tmp-files', 'open-files'] as const

export type LimitName = typeof LIMIT_NAMES[number]

export interface LimitRule {
  /** The outcome of a run that meets it. */
  name: LimitName
  unit: 'duration' | 'size' | 'count'
  /** What may be asked for: less could start no program, more is a slip of the finger or an attack. */
  min: number
  max: number
  /** What is limited, in words. */
  of: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** A year. */

export const LIMIT_RULES: Readonly<Record<keyof Limits, LimitRule>> = {
  wallMs: { name: 'wall', unit: 'duration', min: 1, max: MAX_JOB_MS, of: 'wall time' },
  cpuMs: { name: 'cpu', unit: 'duration', min: 1, max: MAX_JOB_MS, of: 'CPU time' },
  memoryBytes: { name: 'memory', unit: 'size', min: MiB, max: 64 * 1024 * GiB, of: 'memory' },
  // PID_MAX_LIMIT of linux/threads.h
  processes: { name: 'processes', unit: 'count', min: 1, max: 4_194_304, of: 'processes' },
  outputBytes: { name: 'output', unit: 'size', min: 1, max: 64 * GiB, of: 'output' },
  fileBytes: { name: 'file', unit: 'size', min: 1, max: 1024 * GiB, of: 'file size' },
  tmpBytes: { name: 'tmp', unit: 'size', min: 4 * KiB, max: 1024 * GiB, of: 'room for temporary files' },
  tmpInodes: { name: 'tmp-files', unit: 'count', min: 1, max: 100_000_000, of: 'temporary files' },
  // fewer than eight would not let the loader open a program's libraries; sysctl fs.nr_open is 1 Mi unless raised
  openFiles: { name: 'open-files', unit: 'count', min: 8, max: 1_048_576, of: 'open files' }
}

export const LIMIT_KEYS = Object.keys(LIMIT_RULES) as Array<keyof Limits>

export const DEFAULT_LIMITS: Limits = {
  wallMs: 60 * 60 * 1000,
  memoryBytes: 4096 * MiB,
  processes: 512,
  outputBytes: 16 * MiB,
  fileBytes: 1024 * MiB,
  tmpBytes: 1024 * MiB,
  tmpInodes: 100_000,
  openFiles: 1024
}

/** What a job asks for explicitly, or a worker's ceilings; what is absent is left to the other side. */
export type SomeLimits = Partial<Limits>

/**
 * The limits that hold for a job on a worker: what was asked, else the
 * default; a default is lowered to the worker's ceiling, what was asked
 * explicitly never is, for whoever asks means it. Then the refusal says why.
 */
export function effectiveLimits (asked: SomeLimits, ceilings: SomeLimits = {}): { limits: Limits } | { refusal: string } {
  const excess = LIMIT_KEYS.flatMap(key => {
    const value = asked[key]
    const ceiling = ceilings[key]

    return value == null || ceiling == null || value <= ceiling ? [] : [`${formatLimit(key, value)} of ${LIMIT_RULES[key].of} is asked for and it allows ${formatLimit(key, ceiling)}`]
  })

  if (excess.length > 0) {
    return { refusal: excess.join(', ') }
  }

  const limits = { ...DEFAULT_LIMITS }

  for (const key of LIMIT_KEYS) {
    // without a default, as for CPU time, the ceiling alone holds
    const value = asked[key] ?? Math.min(DEFAULT_LIMITS[key] ?? Infinity, ceilings[key] ?? Infinity)

    if (Number.isFinite(value)) {
      limits[key] = value
    }
  }

  return { limits }
}

export function formatLimit (key: keyof Limits, value: number): string {
  switch (LIMIT_RULES[key].unit) {
    case 'duration': return formatDuration(value)
    case 'size': return formatBytes(value)
    case 'count': return String(value)
  }
}

/** `memory limit of 64.0 MB`, `limit of 20 processes and threads`: what a run was stopped at. */
export function describeLimit (name: LimitName, limits: Limits): string {
  switch (name) {
    case 'wall': return `wall limit of ${formatDuration(limits.wallMs)}`
    case 'cpu': return `CPU limit${limits.cpuMs == null ? '' : ` of ${formatDuration(limits.cpuMs)}`}`
    case 'memory': return `memory limit of ${formatBytes(limits.memoryBytes)}`
    case 'processes': return `limit of ${limits.processes} processes and threads`
    case 'output': return `output limit of ${formatBytes(limits.outputBytes)}`
    case 'file': return `file limit of ${formatBytes(limits.fileBytes)}`
    case 'tmp': return `limit of ${formatBytes(limits.tmpBytes)} for temporary files`
    case 'tmp-files': return `limit of ${limits.tmpInodes} temporary files`
    case 'open-files': return `limit of ${limits.openFiles} open files`
  }
}
