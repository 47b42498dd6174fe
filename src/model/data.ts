import type { PayloadManifest } from './payload.ts'

/** Files that many jobs use: sent once, found again by what is in them, and read-only for programs. */
export interface DataSet {
  /** Name of its folder or file beside the program: `data/NAME`. */
  name: string
  payload: PayloadManifest
  /** `data/NAME` is the payload's only file, whatever that is called there; absent = a folder with all of them. */
  file?: boolean
}

export const MAX_DATA_SETS = 16

/** Folder beside the program in which data sets are; no file of a job may have that name then. */
export const DATA_FOLDER = 'data'

/** What the only file of a data set, or of a variant, is called in its payload, so that the same content is the same payload under every name. */
export const DATA_FILE = 'content'

export function isDataName (name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(name)
}
