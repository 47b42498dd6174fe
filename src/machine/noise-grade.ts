import { TICK_MS } from './noise-files.ts'
import { involuntaryRate, unusualWaits } from './noise-during.ts'
import { ownCpuMs } from './own-cpu.ts'
import type { NoiseGrade } from '../model/noise.ts'
import type { CommandResult } from '../model/result.ts'
import type { NoiseReading } from './noise-files.ts'

export interface Noise { grade: NoiseGrade, reasons: string[] }

/** From which share on a disturbance costs a grade. They are conventions: chosen so that an idle desktop is A and a busy build server D. */
interface Thresholds { b: number, c: number, d: number }

const OTHER_LOAD: Thresholds = { b: 0.05, c: 0.15, d: 0.4 }
const STEAL: Thresholds = { b: 0.005, c: 0.02, d: 0.1 }
const CPU_WAIT: Thresholds = { b: 0.05, c: 0.2, d: 0.5 }
const MEMORY_WAIT: Thresholds = { b: 0.001, c: 0.01, d: 0.05 }
/** Waiting for disks disturbs only programs that use them. */
const IO_WAIT: Thresholds = { b: 0.1, c: Infinity, d: Infinity }
/** Of the runs. */
const UNUSUAL_WAITS: Thresholds = { b: 0.02, c: 0.1, d: 0.25 }
/** Per second; two programs on one core take turns some 200 times. More cannot be said of it: a pipeline interrupts itself. */
const INVOLUNTARY: Thresholds = { b: 50, c: Infinity, d: Infinity }

/** Counters in ticks are off by as much at each end: less than this is nothing. */
const SLACK_MS = 2 * TICK_MS

/**
 * How far the machine was disturbed between two readings; `commands` is what
 * was measured in between. The worst disturbance decides; each has its reason.
 * Differences below two ticks are not seen, so a measurement shorter than that
 * always looks quiet.
 */
export function gradeNoise (before: NoiseReading, after: NoiseReading, commands: readonly CommandResult[]): Noise {
  const elapsedMs = Number(after.atNs - before.atNs) / 1e6
  const grown = (key: 'busyMs' | 'stealMs' | 'cpuWaitMs' | 'memoryWaitMs' | 'ioWaitMs' | 'boxWaitMs' | 'swappedPages' | 'throttles'): number | undefined => {
    const [from, to] = [before[key], after[key]]

    return from == null || to == null ? undefined : Math.max(0, to - from)
  }

  const busy = grown('busyMs')
  const steal = beyondSlack(grown('stealMs'))
  const load = Math.max(before.load1 ?? 0, after.load1 ?? 0)
  const others = beyondSlack(busy == null ? undefined : busy - ownCpuMs(commands, elapsedMs))
  // A program with more threads than cores waits for itself; others cannot have made it wait longer than they ran.
  const waitOf = (key: 'cpuWaitMs' | 'boxWaitMs'): number => Math.min(beyondSlack(grown(key)) ?? 0, others ?? Infinity)
  const found: Noise[] = []

  const share = (value: number | undefined, whole: number, thresholds: Thresholds, words: (percent: string) => string): void => {
    const grade = value == null || !(whole > 0) ? 'A' : gradeOf(value / whole, thresholds)

    if (value != null && grade !== 'A') {
      found.push({ grade, reasons: [words(percent(value / whole))] })
    }
  }

  share(others, elapsedMs * after.cores, OTHER_LOAD, part => `other processes used ${part} of its cores while measuring`)
  share(steal, (busy ?? 0) + (steal ?? 0), STEAL, part => `its host took away ${part} of its CPU time (steal)`)

  // Where the kernel tells who waited, strangers that wait for each other do not matter.
  if (after.boxWaitMs == null) {
    share(waitOf('cpuWaitMs'), elapsedMs, CPU_WAIT, part => `processes waited for a free core ${part} of the time`)
  } else {
    share(waitOf('boxWaitMs'), elapsedMs, CPU_WAIT, part => `its programs waited for a free core ${part} of the time`)
  }

  share(grown('memoryWaitMs'), elapsedMs, MEMORY_WAIT, part => `processes waited for memory ${part} of the time`)
  share(grown('ioWaitMs'), elapsedMs, IO_WAIT, part => `processes waited for a disk ${part} of the time`)

  const { waited, runs } = unusualWaits(commands)

  share(waited, runs, UNUSUAL_WAITS, () => `in ${waited} of ${runs} runs it waited for something unusual`)

  const switches = involuntaryRate(commands) ?? 0
  const switchGrade = gradeOf(switches, INVOLUNTARY)

  if (switchGrade !== 'A') {
    found.push({ grade: switchGrade, reasons: [`its programs were interrupted ${Math.round(switches)} times a second (involuntary switches)`] })
  }

  // The minute's average reaches back before the first run, so it speaks only where the kernel has no pressure counters.
  if (after.cpuWaitMs == null && load > after.cores) {
    found.push({ grade: 'C', reasons: [`its load was ${load.toFixed(1)} on ${after.cores} cores`] })
  }

  if ((grown('swappedPages') ?? 0) > 0) {
    found.push({ grade: 'C', reasons: ['it swapped while measuring'] })
  }

  if ((grown('throttles') ?? 0) > 0) {
    found.push({ grade: 'C', reasons: ['its processor slowed down because of heat'] })
  }

  if (busy == null) {
    found.push({ grade: 'B', reasons: ['its kernel does not say what else ran'] })
  }

  // The worst first: a reader may stop after one.
  found.sort((a, b) => b.grade.localeCompare(a.grade))

  return { grade: found[0]?.grade ?? 'A', reasons: found.flatMap(({ reasons }) => reasons) }
}

function beyondSlack (ms: number | undefined): number | undefined {
  return ms == null ? undefined : Math.max(0, ms - SLACK_MS)
}

function gradeOf (share: number, { b, c, d }: Thresholds): NoiseGrade {
  return share >= d ? 'D' : share >= c ? 'C' : share >= b ? 'B' : 'A'
}

function percent (share: number): string {
  return `${share >= 0.095 ? Math.round(share * 100) : (share * 100).toFixed(1)} %`
}
