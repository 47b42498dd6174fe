import { constants } from 'node:os'
import type { Command } from 'commander'
import type { ExecutionResult, NotRun } from '../model/result.ts'
import type { Exit } from '../model/sample.ts'
import { shortJobId } from '../model/ids.ts'
import { withClient } from './connect.ts'
import { note, type Context } from './context.ts'
import { type DraftRequest, draftJob } from './draft.ts'
import { EXIT_EXEC_FAILED } from './exit-codes.ts'
import { followJob, type Followed } from './follow.ts'
import { addJobOptions, type JobOptions } from './job-options.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './options.ts'
import { withSpooledStdin } from './spool.ts'
import { submitting } from './submit.ts'
import { writeAll } from './write.ts'

export function define (command: Command, context: Context): void {
  command.argument('<program>', 'a path of this machine, the name of a program of the worker, or worker:/path')
    .argument('[args...]', 'handed to the program')
    .passThroughOptions()

  addJobOptions(command, 'any')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark exec ./solve 42', 'on whichever worker is free'],
    ['meshmark exec --stdin - python3 < script.py', 'a script for the interpreter there'],
    ['meshmark exec --on pi-kitchen uname -a', 'on one worker']
  ], `
Standard output and error of the program come through unchanged. The exit status is the
program's own, 128 + n after signal n; 125: Meshmark failed, 126: not executable, 127: not found.
Ctrl-C leaves the program running, a second one cancels it.`)

  command.action(async (program: string, args: string[], options: JobOptions & ConnectionOptions) => {
    const request: DraftRequest = { kind: 'exec', words: [program, ...args], commands: [], names: [], options, on: 'any', plan: { kind: 'once' } }

    context.exitCode = options.stdin === '-'
      ? await withSpooledStdin(context, async stdinCopy => await execute({ ...request, stdinCopy }, options, context))
      : await execute(request, options, context)
  })
}

async function execute (request: DraftRequest, options: JobOptions & ConnectionOptions, context: Context): Promise<number> {
  const { draft, hints } = await draftJob(request)

  for (const hint of hints) {
    note(context, hint)
  }

  return await withClient(options, async client => {
    if (options.detach === true) {
      const id = await submitting(client, draft, context)(new AbortController().signal, () => {})

      context.stdout.write(`${shortJobId(id)}\n`)

      return 0
    }

    const followed = await followJob(client, submitting(client, draft, context), context, {
      // In a pipe or a log, standard error is the program's alone.
      progress: context.stderr.isTTY === true,
      onOutput: async ({ stream, data }) => {
        await writeAll(stream === 'stdout' ? context.stdout : context.stderr, data)
      }
    })

    return finish(followed, context)
  })
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
    ...(sample.limit == null ? {} : { message: result.reason ?? `the ${sample.limit} limit ended the program` })
  }
}

/** As a shell says it. */
export function exitStatus (exit: Exit): number {
  return exit.kind === 'code' ? exit.code : 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0)
}
