import type { Command } from 'commander'
import { withClient } from './connect.ts'
import type { Context } from './context.ts'
import { followJob } from './follow.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './options.ts'
import { addResultOptions, checkExports, presentResults, type ResultOptions } from './results.ts'

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
  addResultOptions(command)
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark attach @last', 'the job submitted last'],
    ['meshmark attach q7x2m9ka', 'the end of an id is enough']
  ], 'Ends as run does: with the results, and with the same exit status.')

  command.action(async (job: string, options: ResultOptions & ConnectionOptions) => {
    await checkExports(options)

    context.exitCode = await withClient(options, async client => {
      const followed = await followJob(client, async () => job, context, { progress: true })

      return followed.kind === 'left' ? followed.exitCode : await presentResults(followed, options, context)
    })
  })
}
