import { MeshmarkError } from './errors.ts'
import type { Selector } from './placement.ts'
import type { RestartRule } from './restart.ts'

/** Lists of one map; each may be for several workers. */
export const MAX_LISTS = 10_000

/** Entries of all lists of one map together. */
export const MAX_ENTRIES = 10_000

/** Tasks of one map: entries times the workers that they are for. */
export const MAX_MAP_TASKS = 100_000

/** Of a map that is sent as YAML: to read more of it would hold up everything else that a master does. */
export const MAX_YAML_CHARS = 256 * 1024

/** Each worker has its own list of commands, done in order. */
export interface JobMap {
  lists: MapList[]
  /** A worker says of a task that runs that it does, at least this often; absent = WORKER_REPORT_MS. */
  reportMs?: number
}

/** Of `JobMap.reportMs`. */
export const MIN_REPORT_MS = 1_000
export const MAX_REPORT_MS = 3_600_000

export interface MapList {
  /** A worker's name or peer id; absent = every worker that `where` fits when the job is accepted. */
  worker?: string
  where: Selector[]
  entries: MapEntry[]
  /** Go on with the list after an entry that failed in the end; otherwise what follows it is cancelled. */
  keepGoing?: boolean
}

export interface MapEntry {
  /** Index into the job's commands. */
  command: number
  /** Absent = never. */
  restart?: RestartRule
}

/** `<peer id>.<list>.<entry>`, both counted from 0: a task's name says what it is. */
export function mapTask (worker: string, list: number, entry: number): string {
  return `${worker}.${list}.${entry}`
}

/** Throws `refused` for what is no name of such a task. */
export function parseMapTask (task: string): { worker: string, list: number, entry: number } {
  const [, worker, list, entry] = /^([1-9A-HJ-NP-Za-km-z]{40,64})\.(\d{1,6})\.(\d{1,6})$/.exec(task) ?? []

  if (worker == null) {
    throw new MeshmarkError('refused', `task ${task} names no entry of a map`)
  }

  return { worker, list: Number(list), entry: Number(entry) }
}
