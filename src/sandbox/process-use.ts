/** What processes use at this moment, as /proc says. */
import { readFileSync } from 'node:fs'

/** Of /proc/PID/stat on every architecture that Node runs on: USER_HZ. */
const MS_PER_TICK = 10

export interface ProcessUse {
  pid: number
  parent: number
  cpuMs: number
  residentBytes: number
  threads: number
}

/** Undefined when it has ended. */
export function useOf (pid: number, pageBytes: number): ProcessUse | undefined {
  try {
    const { residentPages, ...use } = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))

    return { pid, ...use, residentBytes: residentPages * pageBytes }
  } catch {
    return undefined
  }
}

/**
 * Pages that several share are counted once for each; only then the exact and
 * slow question is asked. Twice: while some of those who share them come or go,
 * the shares that one look adds up are not of one moment.
 *
 * @param again - looks once more
 */
export function exceedsMemory (all: readonly ProcessUse[], again: () => readonly ProcessUse[], bytes: number): boolean {
  return sum(all, ({ residentBytes }) => residentBytes) > bytes && sum(all, proportionalBytes) > bytes && sum(again(), proportionalBytes) > bytes
}

/** proc(5): field 4 is the parent, 14 to 17 are the ticks of a process and of the children it waited for, 20 its threads, 24 its resident pages. */
export function parseStat (stat: string): { parent: number, cpuMs: number, residentPages: number, threads: number } {
  // The name in brackets may contain anything; field 3 follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
  const ticks = fields.slice(11, 15).reduce((all, field) => all + field, 0)

  return { parent: fields[1] ?? 0, cpuMs: ticks * MS_PER_TICK, residentPages: fields[21] ?? 0, threads: fields[17] ?? 0 }
}

/** A process can forbid the exact question; then it pays for all that it has mapped. */
function proportionalBytes ({ pid, residentBytes }: ProcessUse): number {
  try {
    return Number(/^Pss:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1024
  } catch {
    return residentBytes
  }
}

export function sum<T> (items: readonly T[], value: (item: T) => number): number {
  return items.reduce((all, item) => all + value(item), 0)
}
