import { DEFAULT_LIMITS } from './limits.ts'
import type { Limits, SomeLimits } from './limits.ts'

/** Made on each worker before the clock, in a box of its own; what it leaves is there at the beginning of every run. */
export interface Build {
  /** A line for `sh -c`. */
  line: string
  /** Its own; the rest is DEFAULT_BUILD_LIMITS. */
  limits: SomeLimits
}

export const DEFAULT_BUILD_LIMITS: Limits = { ...DEFAULT_LIMITS, wallMs: 10 * 60 * 1000 }

/** What became of it on one worker. */
export interface BuildFacts {
  /** Version of the compiler that the line begins with, as it calls itself; absent when it does not say. */
  compiler?: string
  /** When it was built. */
  wallMs: number
  /** The same line of the same files had been built here before, with the same compiler. */
  cached: boolean
}
