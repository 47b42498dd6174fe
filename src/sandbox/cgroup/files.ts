import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A group that is being emptied is looked at again after so many milliseconds. */
const RETRY_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]

/** Writes to a file of a group, which takes one value per write. Throws what the kernel says. */
export function writeGroup (folder: string, file: string, value: string | number): void {
  writeFileSync(join(folder, file), String(value), { flag: 'r+' })
}

export function readGroup (folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8').trim()
}

/** The number behind a word in `word number` lines; 0 when it is not there. */
export function counter (text: string, word: string): number {
  return Number(new RegExp(`^${word} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** Groups directly below, as folders. */
export function groupsBelow (folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name))
}

/**
 * Removes a group and those below it, when nothing lives in them.
 *
 * @returns false when something does
 */
export function removeEmpty (folder: string): boolean {
  try {
    // Each by itself: one that is busy keeps no other.
    const below = groupsBelow(folder).map(removeEmpty)

    rmdirSync(folder)
    return below.every(removed => removed)
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/**
 * Ends whatever lives in a group, all of which is a box's, and removes it.
 *
 * @returns false when the kernel still has something in it after two seconds
 */
export async function remove (folder: string): Promise<boolean> {
  for (const ms of RETRY_MS) {
    if (removeEmpty(folder)) {
      return true
    }

    killAll(folder)
    await new Promise(resolve => setTimeout(resolve, ms))
  }

  return removeEmpty(folder)
}

function killAll (folder: string): void {
  try {
    writeGroup(folder, 'cgroup.kill', 1)
    return
  } catch { /* version 1, or a threaded group: one by one */ }

  for (const pid of members(folder)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch { /* ended meanwhile, or somebody else's, who dies with the box */ }
  }
}

/** Pids of those in a group; of a threaded one thread ids, which kill(2) takes for their processes. */
function members (folder: string): number[] {
  for (const file of ['cgroup.procs', 'cgroup.threads']) {
    try {
      // 0 is somebody whom this pid namespace does not show.
      return readGroup(folder, file).split('\n').map(Number).filter(pid => pid > 1 && pid !== process.pid)
    } catch { /* cgroup.procs of a threaded group cannot be read */ }
  }

  return []
}

export function has (folder: string, file: string): boolean {
  return existsSync(join(folder, file))
}
