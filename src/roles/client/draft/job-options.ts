import type { RestartRule } from '../../../model/restart.ts'
import type { CollectOptions } from './collect-options.ts'

/** What may be said of any job, measured or not; its limits are read by `limitsOf`. */
export interface JobOptions extends CollectOptions {
  /** `NAME=FILE` or `NAME=FOLDER`; what has no name before a `=` is no data set. */
  data?: string | string[]
  on?: string
  where?: string[]
  require?: string[]
  with?: string[]
  stdin?: string
  env?: string[]
  name?: string
  id?: string
  detach?: boolean
  replicas?: number
  retryLost?: number
  /** Only of what is handed out. */
  retry?: RestartRule
  priority?: number
  /** Milliseconds. */
  deadline?: number
  shell?: boolean
  /** `CONDITION:FILE` */
  variant?: string[]
  /** A line for `sh -c`: on each worker, before everything else. */
  build?: string
  /** Milliseconds. */
  buildTimeout?: number
  /** Bytes. */
  buildMemory?: number
}
