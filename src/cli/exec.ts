import type { Command } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { withClient } from './connect.ts'
import { note, type Context } from './context.ts'
import { type DraftRequest, draftJob } from './draft.ts'
import { addJobOptions, type JobOptions } from './job-options.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './options.ts'
import { followProgram } from './program-follow.ts'
import { requirementHelp } from './require-option.ts'
import { withSpooledStdin } from './spool.ts'
import { submitting } from './submit.ts'

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
Ctrl-C leaves the program running, a second one cancels it.

${requirementHelp()}`)

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

    return await followProgram(client, submitting(client, draft, context), context)
  })
}
