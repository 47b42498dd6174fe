import { constants } from 'node:os'
import type { ExecutionResult, NotRun } from '../model/result.ts'
import type { Exit } from '../model/sample.ts'
import type { Client } from '../roles/client/types.ts'
import type { Context } from './context.ts'
import { EXIT_EXEC_FAILED } from './exit-codes.ts'
import { type Begin, followJob, type Followed } from './follow.ts'
import { writeAll } from './write.ts'

/**
 * Follows a job of `exec` as if its program ran here: its output comes through
 * unchanged, and what is returned is its own exit status.
 */
export async function followProgram (client: Client, begin: Begin, context: Context): Promise<number> {
  const followed = await followJob(client, begin, context, {
    // In a pipe or a log, standard error is the program's alone.
    progress: context.stderr.isTTY === true,
    onOutput: async ({ stream, data }) => {
      await writeAll(stream === 'stdout' ? context.stdout : context.stderr, data)
    }
  })

  return finish(followed, context)
}

/** The exit status, and a line when it is not the program's own. */
function finish (followed: Followed, context: Context): number {
  if (followed.kind === 'left') {
    return followed.exitCode
  }

  const tasks = followed.view.tasks.map(task => execStatus(followed.results.get(task.task), task.reason ?? task.state))

  for (const { message } of tasks) {
    if (message != null) {
      context.stderr.write(`meshmark: ${message}\n`)
    }
  }

  return tasks.length === 0 ? EXIT_EXEC_FAILED : Math.max(...tasks.map(({ code }) => code))
}

const NOT_RUN: Partial<Record<NotRun['code'], number>> = { 'not-found': 127, 'not-executable': 126 }

/** @param otherwise what is known when no worker has recorded a result */
export function execStatus (result: ExecutionResult | undefined, otherwise: string): { code: number, message?: string } {
  const notRun = result?.commands[0]?.notRun

  if (notRun != null) {
    return { code: NOT_RUN[notRun.code] ?? EXIT_EXEC_FAILED, message: notRun.message }
  }

  const sample = result?.commands[0]?.samples.at(-1)

  if (result == null || sample == null || result.outcome === 'cancelled' || result.outcome === 'interrupted') {
    return { code: EXIT_EXEC_FAILED, message: `the program did not finish: ${result?.reason ?? result?.outcome ?? otherwise}` }
  }

  return {
    code: exitStatus(sample.exit),
    ...(sample.limit == null ? {} : { message: `the program was stopped: ${result.reason ?? `${sample.limit} limit`}` })
  }
}

/** As a shell says it. */
export function exitStatus (exit: Exit): number {
  return exit.kind === 'code' ? exit.code : 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0)
}
