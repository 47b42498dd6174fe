import { executionId } from '../../model/ids.ts'
import { isTaskEnd } from '../../model/states.ts'
import { hindrancesOf } from './coordinator/why.ts'
import { isCounted, itemEnd, itemsJobView, jobView, startSkew } from './views.ts'
import type { Coordinator } from './coordinator.ts'
import type { JobEntry } from './coordinator/state.ts'
import type { JobStore } from './job-store.ts'
import type { ExecutionResult } from '../../model/result.ts'
import type { JobView, SubmitReply, SubmitRequest } from '../../node/protocol/submit/messages.ts'

/** Items of one message of `show`. */
const ITEMS_PAGE = 256

export interface ShowComponents {
  coordinator: Pick<Coordinator, 'state'>
  jobs: Pick<JobStore, 'eachResult' | 'result' | 'conflicting'>
}

/** What is known of a job at this moment: its results, or the ends of its items, and at last its view. */
export async function * showJob (components: ShowComponents, entry: JobEntry, items: Extract<SubmitRequest, { kind: 'show' }>['items'], viewer: string): AsyncGenerator<SubmitReply> {
  const { jobs } = components

  if (items != null && entry.job.each != null) {
    return yield * showItems(components, entry, items, viewer)
  }

  const starts: Array<Pick<ExecutionResult, 'start'>> = []

  // of a task that ran twice one record counts; the view names the others
  for await (const result of items === 'none' ? [] : jobs.eachResult(entry.job.id)) {
    if (isCounted(entry, result.key)) {
      starts.push({ start: result.start })
      yield { kind: 'result', task: result.key.task, result }
    }
  }

  yield { kind: 'end', view: { ...jobView(entry, startSkew(starts), await jobs.conflicting(entry.job.id)), ...hindrancesIn(components, entry, viewer) } }
}

async function * showItems (components: ShowComponents, entry: JobEntry, items: 'failed' | 'all' | 'none', viewer: string): AsyncGenerator<SubmitReply> {
  const shown = items === 'none' ? [] : [...entry.tasks.values()].filter(({ state }) => isTaskEnd(state) && (items === 'all' || state !== 'done'))

  for (let start = 0; start < shown.length; start += ITEMS_PAGE) {
    const page = await Promise.all(shown.slice(start, start + ITEMS_PAGE).map(async task =>
      itemEnd(task, entry, task.worker == null ? undefined : await components.jobs.result(executionId({ job: entry.job.id, task: task.name, worker: task.worker, attempt: task.attempt })))))

    yield { kind: 'items', items: page }
  }

  yield { kind: 'end', view: { ...itemsJobView(entry, true), ...hindrancesIn(components, entry, viewer) } }
}

function hindrancesIn ({ coordinator }: ShowComponents, entry: JobEntry, viewer: string): Pick<JobView, 'hindrances'> {
  const hindrances = hindrancesOf(coordinator.state, entry, viewer, Date.now())

  return hindrances.length === 0 ? {} : { hindrances }
}
