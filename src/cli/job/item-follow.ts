import { shortJobId } from '../../model/ids.ts'
import type { Job } from '../../model/job.ts'
import type { ItemEnd, JobView } from '../../node/protocol/submit/messages.ts'
import { howItEnded, itemTitle } from '../../report/items.ts'
import { EXIT_EXEC_FAILED } from '../../roles/client/exec-status.ts'
import type { Client } from '../../roles/client/types.ts'
import { note, type Context } from '../common/context.ts'
import { type Begin, followEvents } from './follow.ts'
import type { ItemKeeper } from './item-keeper.ts'
import { grouped, ItemProgress } from '../progress/item-progress.ts'
import { typed } from '../common/program-name.ts'
import { writeAll } from '../common/write.ts'

/** Failed items that are named at the end; the job has them all. */
const NAMED = 20

export interface ItemFollowOptions {
  /** In the order of the items instead of as they end. */
  ordered: boolean
  /** The items themselves, where they are known here; otherwise the master tells them. */
  items?: readonly string[]
  /** Called when the job has ended, and awaited. */
  onEnd?: (job: Job) => Promise<void>
  /** Of each item of the job, which of `items` it is, from 1; absent = they are the same. */
  numbers?: readonly number[]
  /** Where ends and output are kept beside being printed; closed by whoever made it. */
  keeper?: ItemKeeper
}

/**
 * Follows a job with items: what each printed is written as it comes, all of
 * one item together, and nothing of it is kept. Resolves with the exit status.
 */
export async function followItems (client: Client, begin: Begin, context: Context, { ordered, items, numbers, keeper, onEnd }: ItemFollowOptions): Promise<number> {
  const progress = new ItemProgress(context.stderr.isTTY === true && !context.quiet ? context.stderr : undefined)
  const failed: ItemEnd[] = []
  let failures = 0
  let texts = items
  const numbered = <T extends { task: string }>(told: T): T => numbers == null ? told : { ...told, task: String(numbers[Number(told.task) - 1] ?? told.task) }

  const followed = await followEvents(client, begin, context, {
    attach: (selector, signal) => client.attachItems(selector, { ordered, texts: items == null, signal }),
    progress: context.stderr.isTTY === true ? progress : { say: progress.say, stop: progress.stop, note: text => { note(context, text) } },
    take: async event => {
      switch (event.kind) {
        case 'job':
          texts ??= event.view.job.each?.items
          progress.take(event.view.counts ?? [])
          break
        case 'counts':
          progress.take(event.counts)
          break
        case 'output':
          progress.erase()
          await keeper?.takeOutput(numbered(event))
          await writeAll(event.stream === 'stdout' ? context.stdout : context.stderr, event.data)
          break
        case 'items': {
          const ended = event.items.map(numbered)

          await keeper?.takeItems(ended)

          for (const item of ended) {
            if (item.state !== 'done') {
              failures++

              if (failed.length < NAMED) {
                // without its output: that is written
                failed.push({ ...item, stdout: undefined, stderr: undefined })
              }
            }

            await writeOutput(item, progress, context)
          }
          break
        }
      }
    }
  })

  if (followed.kind === 'left') {
    return followed.exitCode
  }

  await onEnd?.(followed.view.job)

  if (failures > 0) {
    context.stderr.write(summary(followed.view, failures, failed, texts ?? []))
  }

  return exitCodeOf(followed.view, failures)
}

async function writeOutput ({ stdout, stderr }: ItemEnd, progress: ItemProgress, context: Context): Promise<void> {
  if (stdout != null || stderr != null) {
    progress.erase()
  }

  if (stdout != null) {
    await writeAll(context.stdout, stdout)
  }

  if (stderr != null) {
    await writeAll(context.stderr, stderr)
  }
}

function summary (view: JobView, failures: number, failed: readonly ItemEnd[], texts: readonly string[]): string {
  const total = (view.counts ?? []).reduce((sum, { count }) => sum + count, 0)
  const lines = failed.map(item => `  ${itemTitle(item, texts)}: ${howItEnded(item)}`)
  const more = failures > failed.length ? [`  and ${grouped(failures - failed.length)} more: ${typed(`meshmark show ${shortJobId(view.job.id)}`)}`] : []

  return `meshmark: ${grouped(failures)} of ${grouped(total)} items failed\n${[...lines, ...more].join('\n')}\n`
}

/** What has no end that its worker recorded is no success either. */
function exitCodeOf (view: JobView, failures: number): number {
  const counts = view.counts ?? []

  return counts.length === 0 ? EXIT_EXEC_FAILED : failures > 0 || counts.some(({ state, count }) => state !== 'done' && count > 0) ? 1 : 0
}
