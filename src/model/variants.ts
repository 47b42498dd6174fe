import type { PayloadManifest } from './payload.ts'
import type { Selector } from './placement.ts'

/** Of one job: more platforms than any mesh has. */
export const MAX_VARIANTS = 64

/** A program that is another file on other workers. */
export interface Variants {
  /** Path in the payload under which a run finds the file that fits its worker. */
  program: string
  /** The first one that a worker fits is its. */
  choices: Variant[]
}

export interface Variant {
  where: Selector[]
  /** What its file is called among the files of the job. */
  path: string
  /** Its only file, which goes to the workers that it is for and to no other; absent in jobs of older clients, of which it is one of the job's files. */
  payload?: PayloadManifest
}
