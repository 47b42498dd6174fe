import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { isTaskEnd } from '../model/states.ts'
import { collectInto } from './options/collect.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
    .argument('[dir]', 'where to put the files, a folder for each worker (default: ./JOB)')
    .option('--force', 'write over files that are there')

  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark collect @last', 'what the last job has brought back, into a folder with its id'],
    ['meshmark collect q7x2m9ka results', 'into ./results, one folder for each worker'],
    ['meshmark collect q7x2m9ka results --force', 'once more, over what is there']
  ], `
A job brings back what run, exec or map was told with --collect PATTERN. The masters keep it
with the job. Of a job that still runs there is what its finished tasks have brought.`)

  command.action(async (job: string, dir: string | undefined, options: ConnectionOptions & { force?: boolean }) => {
    await withClient(options, async client => {
      const { view } = await client.show(job, 'none')

      if (view.job.collect == null) {
        throw new MeshmarkError('usage', `job ${job} brings no files back: it was submitted without --collect`)
      }

      const open = view.tasks.filter(({ state }) => !isTaskEnd(state)).length + (view.counts ?? []).filter(({ state }) => !isTaskEnd(state)).reduce((sum, { count }) => sum + count, 0)

      if (open > 0) {
        note(context, `${open} of its tasks have not finished yet`)
      }

      await collectInto(client, view.job, { collectTo: dir }, context, options.force === true)
    })
  })
}
