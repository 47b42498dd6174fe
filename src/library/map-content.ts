import type { Duration, Size } from './options.ts'

/*
 * What a map file says, key by key as in YAML (docs/map.md, docs/map.schema.json):
 * what `YAML.parse` makes of one is such an object.
 */

/** A file of this machine that says it, in YAML. */
export interface MapFile {
  file: string
}

/** The text of such a file. */
export interface MapText {
  yaml: string
}

type Word = string | number | boolean

/** Each worker its own list of commands. */
export interface MapContent {
  /** To find the job by. */
  name?: string
  /** A worker says at least this often that its command still runs: 1s to 1h. @default '10s' */
  'report-every'?: Duration
  /** Of every command. */
  env?: Readonly<Record<string, Word>>
  limits?: MapLimits
  /** Of every command that does not say otherwise. @default 'never' */
  restart?: MapRestart
  /** Files that lie beside every program: `FILE`, or `FILE=NAME`. */
  with?: string | readonly string[]
  lists: readonly MapList[]
}

/** For each worker that `on` names, or `where` fits. */
export interface MapList {
  /** `'all'`, or names and peer ids: `'lab-[1-4],pi'`. */
  on?: string | readonly string[]
  /** Instead of `on`: `'arch=arm64,cores=8..'`. */
  where?: string | readonly string[]
  /** Go on after a command that failed in the end; otherwise what is behind it is cancelled. */
  'keep-going'?: boolean
  /** Done one after the other. */
  commands: ReadonlyArray<MapLine | MapCommand>
}

/** Split as a shell would without being one, or the words. */
export type MapLine = string | readonly Word[]

export interface MapCommand {
  run: MapLine
  /** Hand the line to `sh -c`. */
  shell?: boolean
  /** Shown instead of the line. */
  name?: string
  env?: Readonly<Record<string, Word>>
  with?: string | readonly string[]
  /** A file that it reads as its standard input. */
  stdin?: string
  restart?: MapRestart
  limits?: MapLimits
}

export type MapRestart = 'never' | 'on-failure' | 'always' | {
  when: 'never' | 'on-failure' | 'always'
  /** At most so many times. @default without end */
  max?: number
  /** Waited before the first one, twice as long each further time. @default '1s' */
  backoff?: Duration
  /** @default '1m' */
  'max-backoff'?: Duration
}

/** Of one run. */
export interface MapLimits {
  timeout?: Duration
  'cpu-time'?: Duration
  memory?: Size
  processes?: number
  'output-limit'?: Size
  'file-limit'?: Size
  'tmp-limit'?: Size
  'tmp-files'?: number
  'open-files'?: number
}
