import { readdirSync, readFileSync } from 'node:fs'
import type { LimitName, Limits } from '../../model/limits.ts'

/** Of /proc/PID/stat on every architecture that Node runs on: USER_HZ. */
const MS_PER_TICK = 10

interface Use {
  pid: number
  cpuMs: number
  residentBytes: number
}

/**
 * Which of the limits that hold for all processes of a run together is
 * exceeded at this moment. The kernel's own limits hold for one process each,
 * and RLIMIT_DATA knows nothing of shared memory; this looks at all of them,
 * so whatever forks or shares is seen a moment later.
 *
 * @param pageBytes - size of a page of memory
 */
export function treeExceeds (limits: Limits, pageBytes: number): LimitName | undefined {
  const processes = programs(pageBytes)

  // Whoever ended keeps its bill until it is waited for, and then it is its parent's.
  if (limits.cpuMs != null && sum(processes, ({ cpuMs }) => cpuMs) >= limits.cpuMs) {
    return 'cpu'
  }

  // Pages that several share are counted once for each; only then the exact and slow question is asked.
  // Twice: while some of those who share them come or go, the shares that one look adds up are not of one moment.
  return sum(processes, ({ residentBytes }) => residentBytes) > limits.memoryBytes &&
    sum(processes, proportionalBytes) > limits.memoryBytes && sum(programs(pageBytes), proportionalBytes) > limits.memoryBytes
    ? 'memory'
    : undefined
}

/** Every process of the box but the runner. */
function programs (pageBytes: number): Use[] {
  return readdirSync('/proc').flatMap(name => {
    const pid = Number(name)

    if (!(pid > 1)) {
      return []
    }

    try {
      const { cpuMs, residentPages } = parseStat(readFileSync(`/proc/${name}/stat`, 'latin1'))

      return [{ pid, cpuMs, residentBytes: residentPages * pageBytes }]
    } catch {
      // Ended meanwhile.
      return []
    }
  })
}

/** proc(5): fields 14 to 17 are the ticks of a process and of the children it waited for, 24 its resident pages. */
export function parseStat (stat: string): { cpuMs: number, residentPages: number } {
  // The name in brackets may contain anything; field 3 follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
  const ticks = fields.slice(11, 15).reduce((all, field) => all + field, 0)

  return { cpuMs: ticks * MS_PER_TICK, residentPages: fields[21] ?? 0 }
}

/** A process can forbid the exact question; then it pays for all that it has mapped. */
function proportionalBytes ({ pid, residentBytes }: Use): number {
  try {
    return Number(/^Pss:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1024
  } catch {
    return residentBytes
  }
}

function sum<T> (items: readonly T[], value: (item: T) => number): number {
  return items.reduce((all, item) => all + value(item), 0)
}
