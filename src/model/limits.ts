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
  openFiles: number
}

/** What a run that was ended met; on the wire a word's place counts, so new ones are only added at the end. */
export const LIMIT_NAMES = ['wall', 'cpu', 'memory', 'processes', 'output', 'file', 'tmp', 'tmp-files', 'open-files'] as const

export type LimitName = typeof LIMIT_NAMES[number]

const MiB = 1024 * 1024

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
