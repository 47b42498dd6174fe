import type { Command } from 'commander'
import { MeshmarkError } from '../model/errors.ts'
import { parseExecutionId } from '../model/ids.ts'
import { printable } from '../model/text.ts'
import type { ItemEnd, JobView, TaskView } from '../node/protocol/submit/messages.ts'
import type { Client } from '../roles/client/types.ts'
import { itemTitle } from '../report/items.ts'
import { withClient } from './common/connect.ts'
import type { Context } from './common/context.ts'
import { MapState } from './progress/map-state.ts'
import { addConnectionOptions, addExamples, type ConnectionOptions } from './common/options.ts'
import { writeAll } from './common/write.ts'

interface LogsOptions extends ConnectionOptions {
  worker?: string
  stdout?: boolean
  stderr?: boolean
  follow?: boolean
}

export function define (command: Command, context: Context): void {
  command.argument('<job>', 'an id or its end, a --name, or @last')
    .option('--worker <name>', 'only what was printed on this worker')
    .option('--stdout', 'only standard output')
    .option('--stderr', 'only standard error')
    .option('-f, --follow', 'go on until the job has ended')
  addConnectionOptions(command)
  addExamples(command, [
    ['meshmark logs @last', 'what every worker printed, one after the other'],
    ['meshmark logs @last --worker pi-kitchen --stdout', 'the bytes of one stream, unchanged']
  ], 'Of a measured program the output of the first run is kept, up to the job\'s limits.')

  command.action(async (job: string, options: LogsOptions) => {
    await withClient(options, async client => {
      const { view } = await client.show(job, 'none')

      if (view.job.each != null) {
        return await printItems(client, view, options, context)
      }

      const both = options.stdout === options.stderr
      let tasks = new Map<string, TaskView>()
      const titles = view.job.map == null ? undefined : new MapState()
      let heading = ''

      for await (const event of client.attach(job, { output: true, follow: options.follow === true })) {
        if (event.kind === 'job') {
          tasks = tasksOf(event.view)
          titles?.take(event, 0)
          checkWorker(event.view, options.worker)
        } else if (event.kind === 'task') {
          tasks.set(event.view.task, event.view)
        } else if (event.kind === 'output') {
          const name = tasks.get(event.task)?.workerName ?? event.task
          const title = titles?.entryOf(event.task)

          if ((options.worker != null && name !== options.worker) || !(both || (event.stream === 'stdout') === (options.stdout === true))) {
            continue
          }

          // A heading only where several would run into each other; a single worker's bytes stay as they are.
          if (options.worker == null && tasks.size > 1 && heading !== event.execution) {
            heading = event.execution
            await writeAll(context.stdout, `==> ${title == null ? name : mapHeading(title, event.execution)} <==\n`)
          }

          await writeAll(event.stream === 'stdout' || !both ? context.stdout : context.stderr, event.data)
        }
      }
    })
  })
}

/** `2 solve on lab-1`, or `2 solve on lab-1, run 3`. */
function mapHeading ({ entry, worker }: NonNullable<ReturnType<MapState['entryOf']>>, execution: string): string {
  const { attempt } = parseExecutionId(execution)

  return `${entry.number} ${entry.title} on ${worker.name}${attempt === 0 ? '' : `, run ${attempt + 1}`}`
}

/** Each item's output under its heading, in the order of the items; of those that have ended. */
async function printItems (client: Client, { job }: JobView, options: LogsOptions, context: Context): Promise<void> {
  const texts = job.each?.items ?? []
  const both = options.stdout === options.stderr
  const wanted = (item: ItemEnd): boolean => options.worker == null || item.workerName === options.worker
  const write = async (stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> => {
    if (both || (stream === 'stdout') === (options.stdout === true)) {
      await writeAll(stream === 'stdout' || !both ? context.stdout : context.stderr, data)
    }
  }
  let isShown = false

  for await (const event of client.attachItems(job.id, { ordered: true, follow: options.follow === true })) {
    if (event.kind === 'output' && isShown) {
      await write(event.stream, event.data)
    }

    for (const item of event.kind === 'items' ? event.items : []) {
      isShown = wanted(item)

      if (!isShown) {
        continue
      }

      if (item.stdoutBytes + item.stderrBytes > 0) {
        await writeAll(context.stdout, `==> ${itemTitle(item, texts)} on ${printable(item.workerName)} <==\n`)
      }

      for (const stream of ['stdout', 'stderr'] as const) {
        await write(stream, item[stream] ?? new Uint8Array(0))
      }
    }
  }
}

function tasksOf (view: JobView): Map<string, TaskView> {
  return new Map(view.tasks.map(task => [task.task, task]))
}

function checkWorker (view: JobView, worker: string | undefined): void {
  const names = view.tasks.map(({ workerName }) => workerName)

  if (worker != null && !names.includes(worker)) {
    throw new MeshmarkError('usage', `worker '${worker}' has no part in this job: ${names.length === 0 ? 'no worker has yet' : `these have: ${names.join(', ')}`}`)
  }
}
