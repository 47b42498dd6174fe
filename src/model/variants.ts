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
  /** Its path in the payload. */
  path: string
}
