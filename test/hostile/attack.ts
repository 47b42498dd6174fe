import type { Limits, LimitName } from '../../src/model/limits.ts'
import type { Exit } from '../../src/model/sample.ts'
import type { JobKind } from '../../src/model/job.ts'
import type { Seen } from '../sandbox/host.ts'
import type { Mode } from './modes.ts'

/** A hostile program and what must come of it. */
export interface Attack {
  /** With the theme, a sentence's end. */
  name: string
  program:
    /** A file of programs/ and its words. */
    | { c: string, words: (string | number)[] }
    | { sh: string }
    | { python: string }
    | { node: string }
    /** A file of the payload. */
    | { own: string, words?: string[] }
  /** @default ['run'] */
  kinds?: JobKind[]
  limits?: Partial<Limits>
  /** @default 1 */
  runs?: number
  files?: Record<string, string | { base64: string }>
  /** Files of programs/ that are no programs. */
  libraries?: string[]
  stdin?: string
  env?: Record<string, string>
  expect: Expected | ((mode: Mode) => Expected)
  /** Where it cannot be run, for example since the architecture has no such thing. */
  skip?: (mode: Mode) => boolean
  /** It gets through, and why that is so. The test fails when it does not any more. */
  hole?: string | ((mode: Mode) => string | undefined)
}

export interface Expected {
  outcome: 'done' | 'failed' | 'limit' | 'not-run'
  /** Of the last sample. Absent: none. */
  limit?: LimitName | LimitName[]
  /** Its runner may be too slow to do it, and the worker ends the whole box a second later. */
  slow?: boolean
  reason?: string | RegExp
  exit?: Exit
  /** Lines of stdout with a tab: each attempt with what the kernel said. No more and no fewer, and nothing else but `end`. */
  attempts?: Record<string, string | string[]>
  /** All of stdout. */
  stdout?: string | RegExp
  stderr?: string | RegExp
  /** Of each sample: at least, at most. */
  leftovers?: [number, number]
  cpuMs?: [number, number]
  wallMs?: [number, number]
  /** What the task is told of the whole. */
  check?: (seen: Seen) => void
}

export interface Theme {
  /** The start of the sentence. */
  title: string
  attacks: Attack[]
}
