import type { Command } from 'commander'
import { shortJobId } from '../model/ids.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
  addConnectionOptions(command)
  addExamples(command, [['meshmark cancel @last', 'what has not begun never will; what runs is killed']])

  command.action(async (job: string, options: ConnectionOptions) => {
    await withClient(options, async client => {
      const { view } = await client.show(job)

      if (view.state === 'finished' || view.state === 'cancelled') {
        context.stdout.write(`job ${shortJobId(view.job.id)} ${view.state === 'finished' ? 'has finished' : 'was cancelled'} already\n`)
        return
      }

      const { id, pending } = await client.cancel(view.job.id)

      context.stdout.write(pending.length === 0
        ? `job ${shortJobId(id)} is cancelled\n`
        : `job ${shortJobId(id)} is cancelled; ${pending.join(', ')} will hear of it when back\n`)
    })
  })
}
