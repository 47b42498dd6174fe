import { readFileSync } from 'node:fs'

/** Field 22 of /proc/PID/stat: with the pid and the boot, it names a process for ever. Undefined when there is no such process. */
export function startTime (pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')

    // The name in brackets may contain anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
