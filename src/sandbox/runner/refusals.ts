import { statfsSync } from 'node:fs'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { BOX, MAX_OUTPUT_BYTES } from '../layout.ts'
import { errnoName } from './boot.ts'
import type { NotRun } from '../../model/result.ts'
import type { RunnerTask } from '../protocol.ts'
import type { SpawnError } from './launch.ts'

/** What is wrong with a task before any program of it was looked at. */
export function taskProblem (task: RunnerTask): NotRun | undefined {
  const tooMuch = beyondBox(task)

  if (tooMuch != null) {
    return sandboxProblem(tooMuch)
  }

  return task.stdin == null || task.files.some(({ path }) => path === task.stdin)
    ? undefined
    : { code: 'not-found', message: `the input ${printable(task.stdin)} is not in the payload: add it` }
}

/** What this box was built for is fixed; a job that wants more is told so, and not silently given less. */
function beyondBox ({ kind, limits }: RunnerTask): string | undefined {
  const { bsize, blocks } = statfsSync(BOX.tmp)

  if (limits.tmpBytes > bsize * blocks) {
    return `the job asks for ${formatBytes(limits.tmpBytes)} of temporary files and a box has ${formatBytes(bsize * blocks)}: lower its limit`
  }

  // What is passed on live is kept nowhere.
  return kind === 'run' && limits.outputBytes > MAX_OUTPUT_BYTES
    ? `the job asks for ${formatBytes(limits.outputBytes)} of output and a box keeps ${formatBytes(MAX_OUTPUT_BYTES)}: lower its limit`
    : undefined
}

export function sandboxProblem (text: string): NotRun {
  return { code: 'sandbox', message: text }
}

/** The program was there and the kernel did not execute it. */
export function spawnProblem (err: SpawnError, path: string): NotRun {
  const name = errnoName(err.errno)

  switch (name) {
    case 'EAGAIN':
      return sandboxProblem(`${path} could not be started: the job's limit of processes is too low`)
    case 'E2BIG':
      return { code: 'not-executable', message: `${path} could not be started: its arguments and environment are too long` }
    default:
      return { code: 'not-executable', message: `${path} could not be started: ${name}` }
  }
}
