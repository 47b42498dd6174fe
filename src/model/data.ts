import type { PayloadManifest } from './payload.ts'

/** Files that many jobs use: sent once, found again by what is in them, and read-only for programs. */
export interface DataSet {
  /** Name of its folder or file beside the program: `data/NAME`. */
  name: string
  payload: PayloadManifest
}

export const MAX_DATA_SETS = 16
