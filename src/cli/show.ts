import type { Command } from 'commander'
import { isTaskEnd } from '../model/states.ts'
import { resultsOf } from '../roles/client/finished.ts'
import { withClient } from './common/connect.ts'
import { note, type Context } from './common/context.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { writeReportsOf } from './files/reports.ts'
import { addResultOptions, checkExports, PIPE_WIDTH, presentResults, type ResultOptions, wantsResults } from './files/results.ts'
import { hindranceLines } from './hindrances.ts'
import { writeAll } from './common/write.ts'

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
  addResultOptions(command)
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark show @last', 'the table again'],
    ['meshmark show q7x2m9ka --export-json q7.json', 'with every sample, as hyperfine writes it'],
    ['meshmark show @last --report last.html', 'one page to send to somebody: charts, tables, machines, data'],
    ['meshmark show @last --report comment.md', 'a comment for a pull request']
  ])

  command.option('--all', 'of a job with items, all of them; otherwise those that failed')

  command.action(async (job: string, options: ResultOptions & ConnectionOptions & { all?: boolean }) => {
    await checkExports(options)

    await withClient(options, async client => {
      // files are always complete
      const { view, events } = await client.show(job, wantsResults(options) ? undefined : options.all === true ? 'all' : 'failed')

      for (const line of hindranceLines(view.hindrances ?? [])) {
        note(context, line)
      }

      if (view.job.each != null && !wantsResults(options)) {
        const { renderItems } = await import('../report/items.ts')

        await writeAll(context.stdout, renderItems(view, events.flatMap(event => event.kind === 'items' ? event.items : []), context.stdout.columns || PIPE_WIDTH))

        return await writeReportsOf(client, view.job.id, options)
      }

      const open = view.tasks.filter(({ state }) => !isTaskEnd(state)).length

      if (open > 0) {
        note(context, `${open} of ${view.tasks.length} not finished yet: meshmark attach ${job} waits for the rest`)
      }

      await presentResults(client, { view, results: resultsOf(events) }, options, context)
    })
  })
}
