import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startTime } from '../../machine/start-time.ts'
import { removeEmpty } from './files.ts'

/** A worker's folder, in each hierarchy. Pid and start time name a process until the machine starts anew, and so do groups live. */
export function homeName (pid: number, start: string): string {
  return `meshmark-${pid}-${start}`
}

/** Whose folder it is; undefined when it is not a worker's. */
export function parseHomeName (name: string): { pid: number, start: string } | undefined {
  const [, pid, start] = /^meshmark-([1-9]\d{0,9})-(\d{1,20})$/.exec(name) ?? []

  return pid == null || start == null ? undefined : { pid: Number(pid), start }
}

/**
 * Removes from a group the folders of workers that are no more. Nobody is
 * killed for it: their boxes die with them, and whoever lives in such a folder
 * is a worker whose pid this process cannot see.
 */
export function sweepHomes (folder: string, startOf = startTime): number {
  let removed = 0

  for (const name of readdirSync(folder)) {
    const home = parseHomeName(name)

    if (home != null && startOf(home.pid) !== home.start && removeEmpty(join(folder, name))) {
      removed++
    }
  }

  return removed
}
