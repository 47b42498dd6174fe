import type { SomeLimits } from './limits.ts'

/** Made on each worker before the clock, in a box of its own; what it leaves is there at the beginning of every run. */
export interface Build {
  /** A line for `sh -c`. */
  line: string
  /** Its own; the rest is as for the job. */
  limits: SomeLimits
}

/** What became of it on one worker. */
export interface BuildFacts {
  /** Version of the compiler that the line begins with, as it calls itself; absent when it does not say. */
  compiler?: string
  wallMs: number
  /** The same line of the same files had been built here before, with the same compiler. */
  cached: boolean
}
