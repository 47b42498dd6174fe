import { median } from '../../stats/quantile.ts'
import type { NotRun } from '../../model/result.ts'
import type { Sample } from '../../model/sample.ts'
import type { CommandSummary } from '../protocol.ts'
import type { Meter } from './bill.ts'
import type { Image } from './image.ts'
import type { Printed } from './outputs.ts'
import type { Runnable } from './programs.ts'
import type { Contents } from './stage.ts'
import type { Ended } from './verdict.ts'

/** A command that can be run, and what came of it so far. */
export interface Measured {
  index: number
  runnable: Runnable
  image: Image
  /** What its runs begin with; absent = the payload. */
  contents?: Contents
  warmups: number
  samples: Sample[]
  wallNs: number[]
  spentMs: number
  first?: Printed
  same: boolean
  ended?: Ended
  notRun?: NotRun
  reached?: number
  /** Where runs are not billed for it. */
  memoryBytes?: number
}

export function isOver (command: Measured): boolean {
  return command.ended != null || command.notRun != null
}

export function notRunSummary (index: number, notRun: NotRun): CommandSummary {
  return { command: index, warmups: 0, memoryMethod: 'none', cpuMethod: 'rusage', notRun }
}

/** @param partial - the output that is kept is only its beginning, though no limit cut it */
export function summaryOf (command: Measured, { cpuMethod, memoryMethod = 'adopted-maxrss' }: Pick<Meter, 'cpuMethod' | 'memoryMethod'>, partial: boolean): CommandSummary {
  const { index, warmups, samples, first, same, notRun, reached, runnable } = command
  const peaks = samples.flatMap(sample => sample.memoryBytes ?? [])
  const memoryBytes = peaks.length > 0 ? Math.round(median(peaks)) : command.memoryBytes

  return {
    command: index,
    warmups,
    memoryMethod: memoryBytes == null ? 'none' : memoryMethod,
    cpuMethod,
    program: runnable.program,
    ...(memoryBytes == null ? {} : { memoryBytes }),
    ...(notRun == null ? {} : { notRun }),
    ...(reached == null ? {} : { reached }),
    ...(first == null
      ? {}
      : {
          output: {
            stdoutDigest: first.stdoutDigest,
            stdoutBytes: first.stdoutBytes,
            stderrBytes: first.stderrBytes,
            same,
            truncated: first.exceeded || (partial && (first.stdoutBytes > first.kept.stdout.length || first.stderrBytes > first.kept.stderr.length))
          }
        })
  }
}
