import { totalmem } from 'node:os'
import { printable } from '../../model/text.ts'
import { formatBytes } from '../../model/units.ts'
import { MAX_OUTPUT_BYTES } from '../layout.ts'
import { errnoName } from './boot.ts'
import type { NotRun } from '../../model/result.ts'
import type { RunnerTask } from '../protocol.ts'
import type { SpawnError } from './launch.ts'
import type { WorkingCopy } from './working-copy.ts'

/** What is wrong with a task before any program of it was looked at. */
export function taskProblem (task: RunnerTask, copy: WorkingCopy): NotRun | undefined {
  const tooMuch = beyondBox(task, copy)

  if (tooMuch != null) {
    return sandboxProblem(tooMuch)
  }

  // What is handed out starts at once, and once.
  if (task.kind === 'exec' && task.commands.some(({ hooks }) => hooks != null)) {
    return sandboxProblem('commands around a run belong to a measurement: leave setup, prepare, conclude and cleanup out')
  }

  // their last runs are known only when both are over, and the first one's files are gone then
  if (task.comparison != null && task.collect != null) {
    return sandboxProblem('commands that are compared bring no files back: leave --collect out')
  }

  return task.stdin == null || task.files.some(({ path }) => path === task.stdin)
    ? undefined
    : { code: 'not-found', message: `the input ${printable(task.stdin)} is not in the payload: add it` }
}

/** A job that wants more than there can be is told so, and not silently given less. */
function beyondBox ({ kind, limits }: RunnerTask, copy: WorkingCopy): string | undefined {
  const memory = totalmem()

  if (copy.memoryBytes > memory / 2) {
    return `the payload takes ${formatBytes(copy.memoryBytes)} in the box and the machine has ${formatBytes(memory)} of memory: send less`
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
