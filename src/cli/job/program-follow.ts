import type { Job } from '../../model/job.ts'
import { EXIT_EXEC_FAILED, execStatus } from '../../roles/client/exec-status.ts'
import type { Client } from '../../roles/client/types.ts'
import type { Context } from '../common/context.ts'
import { type Begin, followJob, type Followed } from './follow.ts'
import { writeAll } from '../common/write.ts'

/**
 * Follows a job of `exec` as if its program ran here: its output comes through
 * unchanged, and what is returned is its own exit status.
 *
 * @param onEnd - called when the job has ended, and awaited
 */
export async function followProgram (client: Client, begin: Begin, context: Context, onEnd: (job: Job) => Promise<void> = async () => {}): Promise<number> {
  const followed = await followJob(client, begin, context, {
    // In a pipe or a log, standard error is the program's alone.
    progress: context.stderr.isTTY === true,
    onOutput: async ({ stream, data }) => {
      await writeAll(stream === 'stdout' ? context.stdout : context.stderr, data)
    }
  })

  if (followed.kind === 'finished') {
    await onEnd(followed.view.job)
  }

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
