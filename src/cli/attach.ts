import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { followJob } from './job/follow.ts'
import { followItems } from './job/item-follow.ts'
import { followMap } from './job/map-follow.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { followProgram } from './job/program-follow.ts'
import { writeReportsOf } from './files/reports.ts'
import { addResultOptions, checkExports, presentResults, type ResultOptions, wantsResults } from './files/results.ts'

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
  command.option('--output <dir>', 'of a map, what each command printed, in files of its own')
  addResultOptions(command)
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark attach @last', 'the job submitted last'],
    ['meshmark attach q7x2m9ka', 'the end of an id is enough'],
    ['meshmark attach night --output night', 'a map, with all output of its commands']
  ], `
Ends as the command that submitted the job does, with the same exit status: run with its results,
exec with the output of its program (unless --format or an export asks for results).`)

  command.action(async (job: string, options: ResultOptions & ConnectionOptions & { output?: string }) => {
    await checkExports(options)

    context.exitCode = await withClient(options, async client => {
      const { view } = await client.show(job, 'none')
      const begin = async (): Promise<string> => view.job.id
      const onEnd = async (): Promise<void> => { await writeReportsOf(client, view.job.id, options) }

      if (options.output != null && view.job.map == null) {
        throw new MeshmarkError('usage', `--output is for maps, and job ${job} is none: meshmark logs ${job} has what it printed`)
      }

      if (view.job.map != null) {
        return await followMap(client, begin, context, { ...options, output: options.output ?? false })
      }

      // As a table exec's job is nothing: whoever ran it wants what it prints.
      if (view.job.each != null && !wantsResults(options)) {
        return await followItems(client, begin, context, { ordered: false, items: view.job.each.items, onEnd })
      }

      if (view.job.kind === 'exec' && !wantsResults(options)) {
        return await followProgram(client, begin, context, onEnd)
      }

      const followed = await followJob(client, begin, context, { progress: true })

      return followed.kind === 'left' ? followed.exitCode : await presentResults(client, followed, options, context)
    })
  })
}
