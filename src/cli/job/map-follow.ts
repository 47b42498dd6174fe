import { shortJobId } from '../../model/ids.ts'
import { followEvents } from './follow.ts'
import { mapProgress } from '../progress/map-progress.ts'
import { MapOutput } from './map-output.ts'
import { MapState } from '../progress/map-state.ts'
import { typed } from '../common/program-name.ts'
import { presentResults } from '../files/results.ts'
import { safeName } from '../files/worker-files.ts'
import type { Job } from '../../model/job.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { JobView } from '../../node/protocol/submit/messages.ts'
import type { Client } from '../../roles/client/types.ts'
import type { Context } from '../common/context.ts'
import type { Begin } from './follow.ts'
import type { ResultOptions } from '../files/results.ts'

/** How often the masters are asked what the workers do; only where somebody watches. */
const NODES_MS = 5_000

export interface MapFollowOptions extends ResultOptions {
  /** A folder; `false` = none, `undefined` = one that is called as the job. */
  output?: string | false
  /** Called when the map has ended and its results are shown. */
  onEnd?: (job: Job) => Promise<void>
}

/** Follows a map: its output goes into files as it comes, nothing of it is kept. Resolves with the exit status. */
export async function followMap (client: Client, begin: Begin, context: Context, options: MapFollowOptions): Promise<number> {
  const state = new MapState()
  const progress = mapProgress(state, context.stderr, context.quiet)
  const results = new Map<string, ExecutionResult>()
  const watching = context.stderr.isTTY === true && !context.quiet ? watchNodes(client, state) : undefined
  let files: MapOutput | undefined
  let told = false

  try {
    const followed = await followEvents(client, begin, context, {
      attach: (selector, signal) => client.attach(selector, { output: options.output !== false, signal }),
      progress,
      take: async event => {
        progress.changed(state.take(event, performance.now()))

        if (event.kind === 'job' && !told) {
          const id = shortJobId(event.view.job.id)

          told = true

          if (options.output === false) {
            progress.note(`job ${id}; what the commands print: ${typed(`meshmark logs ${id}`)}`)
          } else {
            const dir = options.output ?? folderOf(event.view)

            files = await MapOutput.open(dir, state)
            progress.note(`job ${id}; what the commands print goes to ${dir}/`)
          }
        } else if (event.kind === 'output') {
          await files?.take(event)
        } else if (event.kind === 'result') {
          results.set(event.task, event.result)
        }
      }
    })

    if (followed.kind === 'left') {
      return followed.exitCode
    }

    const exitCode = await presentResults(client, { view: followed.view, results }, options, context)

    await options.onEnd?.(followed.view.job)

    return exitCode
  } finally {
    watching?.stop()
    await files?.close()
  }
}

/** `night-q7x2m9ka`: another one each time. */
function folderOf ({ job }: JobView): string {
  return `${safeName(job.name ?? 'map', 'map')}-${shortJobId(job.id)}`
}

function watchNodes (client: Client, state: MapState): { stop: () => void } {
  const stopped = new AbortController()
  let asking = false
  const timer = setInterval(() => {
    if (asking || state.workers.size === 0) {
      return
    }

    asking = true
    // who follows the job hears of masters that are away
    client.nodes({ signal: stopped.signal }).then(rows => { state.takeNodes(rows, performance.now()) }, () => {}).finally(() => { asking = false })
  }, NODES_MS).unref()

  return {
    stop: () => {
      clearInterval(timer)
      stopped.abort()
    }
  }
}
